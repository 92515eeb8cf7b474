"""How the host of this home is: asked when it is up, read from its record when not."""

from landbridge.cli.asking import home, is_up
from landbridge.client import Client, JsonObject
from landbridge.domain.errors import TargetUnavailableError
from landbridge.lock import is_held
from landbridge.record import DOWN, read_record


def host_now() -> JsonObject:
    """State, addresses and services. A host that was killed is `down`, whatever its record says."""
    record = read_record(home())
    if is_up():
        try:
            return Client(home()).health()
        except TargetUnavailableError as error:
            return record | {"state": "silent", "problem": str(error)}
    state = record.get("state") if is_held(home()) else DOWN
    services = record.get("services") if state != DOWN else []
    return {**record, "home": home(), "state": state, "services": services or []}

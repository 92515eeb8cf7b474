"""The cluster extension in Azure's management service: read, installed, updated, removed. Every call may be repeated."""

from landbridge.domain.azure.clusters import Arc, ClusterId
from landbridge.domain.azure.extension import Extension
from landbridge.domain.azure.extension_plan import TYPE, Fate, Plan, Present
from landbridge.domain.azure.extension_state import (
    RELAY_ID,
    RELAY_NAME,
    RELAY_STRING,
    SUCCEEDED,
    Installed,
    explained,
)
from landbridge.domain.azure.extension_wire import of_cluster, of_router, of_secrets
from landbridge.domain.azure.settings import FALSE, ClusterKind, canonical
from landbridge.domain.errors import LandbridgeError, RefusedError, TargetUnavailableError
from landbridge.domain.operating import Waiting
from landbridge.domain.values import Json
from landbridge.drivers.azureml.client import Object, Request, Workspace
from landbridge.drivers.azureml.clusters import read_cluster
from landbridge.drivers.azureml.errors import scrubbed
from landbridge.drivers.azureml.extension_secrets import hushed, read_secrets
from landbridge.drivers.azureml.relay import connection_string, ensure
from landbridge.drivers.azureml.waiting import telling, until

VERSION = "2023-05-01"
NAMESPACE = "azureml"
STABLE = "Stable"


def find(workspace: Workspace, at: ClusterId) -> Installed | None:
    """Azure ML's extension of the cluster, under whatever name; None = not installed."""
    found = _find(workspace, at)
    return None if found is None else _installed(found, at)


def settled(workspace: Workspace, at: ClusterId, waiting: Waiting) -> Installed | None:
    """As `find`, once no operation on it goes on: one that somebody else began, or we did before we were killed."""

    def is_settled(found: Object | None) -> bool:
        return found is None or _installed(found, at).is_settled

    until(lambda: _find(workspace, at), is_settled, waiting, f"waiting for the extension of {at.label}")
    return find(workspace, at)


def carry_out(workspace: Workspace, at: ClusterId, order: tuple[Extension, Plan], waiting: Waiting) -> Installed:
    """Do what the plan says, and wait for its end.

    Raises:
        LandbridgeError: it failed; Azure's words, with the cause and what mends it where the table knows them.
    """
    wanted, made = order
    path, word = f"{_extensions(at)}/{wanted.name}", "installing" if made.verb == "create" else "updating"
    doing = f"{word} extension {wanted.name!r} on {at.label}"
    cname = next((row.then for row in made.settings if row.name == "sslCname"), "")
    secrets = read_secrets(wanted.protected, cname)
    with hushed(secrets):
        if made.verb == "create":
            request = Request("PUT", path, doing, VERSION, _new(workspace, at, wanted, (secrets, waiting)))
        else:
            request = Request("PATCH", path, doing, VERSION, _change(workspace, at, order, secrets))
        try:
            workspace.finish(workspace.ask(request), doing, waiting.seconds, telling(waiting, doing))
        except TargetUnavailableError:
            raise
        except LandbridgeError as error:
            raise _with_cause(error, find(workspace, at), doing) from error
        return _good(settled(workspace, at, waiting), doing)


def remove(workspace: Workspace, at: ClusterId, waiting: Waiting) -> bool:
    """Whether there was one; waits until it is gone, about ten minutes."""
    there = settled(workspace, at, waiting)
    if there is None:
        return False
    doing = f"removing extension {there.name!r} from {at.label}"
    answer = workspace.ask(Request("DELETE", f"{_extensions(at)}/{there.name}", doing, VERSION))
    try:
        workspace.finish(answer, doing, waiting.seconds, telling(waiting, doing))
    except TargetUnavailableError:
        raise
    except LandbridgeError as error:
        raise _with_cause(error, find(workspace, at), doing) from error
    until(lambda: _find(workspace, at), lambda found: found is None, waiting, doing)
    return True


def _extensions(at: ClusterId) -> str:
    return f"{at.id}/providers/Microsoft.KubernetesConfiguration/extensions"


def _find(workspace: Workspace, at: ClusterId) -> Object | None:
    for one in workspace.items(_extensions(at), VERSION, f"listing the extensions of {at.label}"):
        if str(one["properties"].get("extensionType") or "").lower() == TYPE.lower():
            return one
    return None


def _installed(found: Object, at: ClusterId) -> Installed:
    of = found["properties"]
    settings = {name: canonical(name, str(value)) for name, value in (of.get("configurationSettings") or {}).items()}
    identity = (of.get("aksAssignedIdentity") or {}).get("type") or (found.get("identity") or {}).get("type")
    present = Present(
        settings,
        tuple(of.get("configurationProtectedSettings") or {}),
        str(of.get("version") or of.get("currentVersion") or ""),
        of.get("autoUpgradeMinorVersion") is False,
        str(of.get("provisioningState") or ""),
        bool(identity),
    )
    return Installed(str(found["name"]), at.label, present, tuple(_said(of)))


def _said(of: Object) -> list[str]:
    """Azure's words on what went wrong: of the operation, then of each part that is not well."""
    error = of.get("errorInfo") or {}
    words = [f"{error.get('code') or 'Error'}: {error['message']}"] if error.get("message") else []
    for one in of.get("statuses") or ():
        if str(one.get("level") or "").lower() in {"error", "warning"}:
            words.append(f"{one.get('code') or 'Status'}: {one.get('message') or one.get('displayStatus') or ''}")
    return [scrubbed(text) for text in words]


def _new(workspace: Workspace, at: ClusterId, wanted: Extension, rest: tuple[dict[str, str], Waiting]) -> Json:
    """The whole resource, with what Azure's CLI derives. An Arc cluster's relay is made; its key joins the secrets."""
    secrets, waiting = rest
    cluster = read_cluster(workspace, at)
    settings = wanted.configuration()
    settings |= of_router(settings) | of_cluster(cluster)
    if isinstance(cluster, Arc) and RELAY_STRING not in secrets:
        connection, secret = ensure(workspace, cluster, waiting)
        settings |= {RELAY_ID: connection, RELAY_NAME: connection.rsplit("/", 1)[-1]}
        secrets |= of_secrets({RELAY_STRING: secret}, {})
    properties: dict[str, Json] = {
        "extensionType": TYPE,
        "autoUpgradeMinorVersion": not wanted.version,
        "releaseTrain": wanted.release_train or STABLE,
        "scope": {"cluster": {"releaseNamespace": NAMESPACE}},
        "configurationSettings": {**settings},
        "configurationProtectedSettings": {**secrets},
    }
    if wanted.version:
        properties["version"] = wanted.version
    return {"identity": {"type": "SystemAssigned"}, "properties": properties}


def _change(workspace: Workspace, at: ClusterId, order: tuple[Extension, Plan], secrets: dict[str, str]) -> Json:
    """What differs. Protected settings are sent whole or not at all: an update replaces them, the relay's key too."""
    wanted, made = order
    changed = {row.name: row.then for row in made.settings if row.fate in (Fate.ADD, Fate.CHANGE)}
    properties: dict[str, Json] = {}
    if changed:
        properties["configurationSettings"] = {**changed, **of_router(changed)}
    there = find(workspace, at)
    if made.protected:
        now = there.present.settings if there else {}
        relay = now.get(RELAY_ID) if now.get("relayserver.enabled", "").lower() != FALSE.lower() else ""
        if at.kind is ClusterKind.ARC and relay and RELAY_STRING not in secrets:
            secrets |= of_secrets({RELAY_STRING: connection_string(workspace, relay)}, {})
        properties["configurationProtectedSettings"] = {**secrets}
    pinned = bool(there and there.present.pinned)
    if wanted.version and not (there and pinned and there.present.version == wanted.version):
        properties |= {"autoUpgradeMinorVersion": False, "version": wanted.version}
    elif pinned and not wanted.version:
        properties["autoUpgradeMinorVersion"] = True
    return {"properties": properties}


def _good(there: Installed | None, doing: str) -> Installed:
    if there is None:
        raise RefusedError(f"{doing[0].upper()}{doing[1:]} failed: it is gone again.", "Look who else removes it.")
    if there.present.state != SUCCEEDED:
        error = RefusedError(f"{doing[0].upper()}{doing[1:]} failed: it is {there.present.state}.", "Look at its pods.")
        raise _with_cause(error, there, doing)
    return there


def _with_cause(error: LandbridgeError, there: Installed | None, doing: str) -> LandbridgeError:
    """The same kind of error, with what the resource says of itself, the causes, and what mends them."""
    said = there.said if there else ()
    faults = tuple(explained((error.message, *said)))
    more = [text for text in said if text.partition(": ")[2] not in error.message]
    causes = " ".join(fault.cause for fault in faults if fault.cause.rstrip(".") not in error.message)
    message = " ".join([error.message, *(f"{text.rstrip('.')}." for text in more), causes]).rstrip()
    look = "Read `kubectl get configmap arcml-healthcheck -n azureml -o yaml | landbridge ops explain -`."
    hint = " ".join(fault.fix for fault in faults) or look
    return type(error)(message or doing, hint)

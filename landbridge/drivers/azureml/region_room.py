"""Azure's limits on the endpoints and deployments of a subscription in a region, as far as one workspace knows.

Those of other workspaces of the region count too, and are not asked: this identity may not see them. So what is refused here
is refused by Azure; what is not may be.
"""

from collections.abc import Sequence

from landbridge.domain.azure.online import (
    DEPLOYMENTS_OF_A_REGION,
    DEPLOYMENTS_OF_AN_ENDPOINT,
    ENDPOINTS_OF_A_REGION,
)
from landbridge.drivers.azureml.client import Object, Workspace
from landbridge.drivers.azureml.serving_reading import ONLINE

KINDS = ("onlineEndpoints", "batchEndpoints")


def endpoints(workspace: Workspace) -> dict[str, Object]:
    """Path below the workspace → endpoint, of both kinds: two requests."""
    doing = f"counting the endpoints of {workspace.place.label}"
    return {f"{kind}/{one['name']}": one for kind in KINDS for one in workspace.items(kind, ONLINE, doing)}


def full_region(workspace: Workspace, there: Sequence[str], is_new: bool) -> tuple[str, str] | None:
    """What is full, and the hint; None = there is room. `there`: paths of endpoints; `is_new`: one more is to be made."""
    label, few = workspace.place.label, "as many as Azure gives to a subscription in a region"
    if is_new and len(there) >= ENDPOINTS_OF_A_REGION:
        hint = "Delete endpoints that nobody needs, or have the limit raised."
        return f"{label} has {len(there)} endpoints, {few}.", hint
    if count := count_deployments(workspace, there, DEPLOYMENTS_OF_A_REGION):
        hint = "Delete deployments that nobody needs, or have the limit raised."
        return f"{label} has {count} deployments, {few}.", hint
    return None


def count_deployments(workspace: Workspace, there: Sequence[str], limit: int) -> int:
    """How many deployments these endpoints have; 0 = surely fewer than `limit`.

    Asks one endpoint after the other, and only as long as all the others could have enough of them for `limit`.
    """
    count = 0
    for asked, path in enumerate(there):
        if count + (len(there) - asked) * DEPLOYMENTS_OF_AN_ENDPOINT < limit:
            return 0
        doing = f"counting the deployments of {path.rpartition('/')[2]}"
        count += sum(1 for _ in workspace.items(f"{path}/deployments", ONLINE, doing))
    return count if count >= limit else 0

"""Objects into the cluster by server-side apply, and what that changes; a dry run tells beforehand."""

import json
from collections.abc import Mapping
from typing import Any

from landbridge.domain.errors import NotFoundError
from landbridge.domain.operating import Action, Change
from landbridge.drivers.kubernetes.cluster import APPLY_PATCH, FIELD_MANAGER, Cluster, Kind, Object, Request

OF_THE_SERVER = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid")
SHOWN = 4


def planned(cluster: Cluster, kind: Kind, body: Object) -> Change:
    """What `applied` would do. Changes nothing."""
    name = str(body["metadata"]["name"])
    before = cluster.find(kind, name)
    if before is None:
        return Change(Action.CREATE, str(body["kind"]), name)
    query = {"fieldManager": FIELD_MANAGER, "force": "true", "dryRun": "All"}
    request = Request("PATCH", cluster.path(kind, name), f"trying {kind.singular} {name!r}", body, query, APPLY_PATCH)
    try:
        after = json.loads(cluster.raw(request))
    except NotFoundError:  # went away meanwhile
        return Change(Action.CREATE, str(body["kind"]), name)
    return _change(str(body["kind"]), name, before, after)


def applied(cluster: Cluster, kind: Kind, body: Object) -> Change:
    """Ensure the fields of `body`; what others wrote into other fields stays."""
    name = str(body["metadata"]["name"])
    before = cluster.find(kind, name)
    after = cluster.apply(kind, body)
    if before is None:
        return Change(Action.CREATE, str(body["kind"]), name)
    return _change(str(body["kind"]), name, before, after)


def post(cluster: Cluster, path: str, doing: str, body: Object, query: Mapping[str, str] | None = None) -> Object:
    """Ask a question that Kubernetes answers as an object: a review, a token, a dry run."""
    found: Object = json.loads(cluster.raw(Request("POST", path, doing, body, query or {})))
    return found


def differing(before: Any, after: Any, at: str = "") -> list[str]:
    """The paths at which two objects differ, as `spec.hard.pods`."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted({*before, *after})
        return [
            path for key in keys for path in differing(before.get(key), after.get(key), f"{at}.{key}" if at else key)
        ]
    return [] if before == after else [at]


def _change(kind: str, name: str, before: Object, after: Object) -> Change:
    paths = differing(_ours(before), _ours(after))
    shown = ", ".join(paths[:SHOWN]) + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")
    return Change(Action.CHANGE if paths else Action.KEEP, kind, name, shown)


def _ours(found: Object) -> Object:
    metadata = {key: value for key, value in found["metadata"].items() if key not in OF_THE_SERVER}
    return {**{key: value for key, value in found.items() if key != "status"}, "metadata": metadata}

"""A job's log: from its pods while they are there, from the site's store afterwards.

It is read again and again from the last time stamp on, not held open: a cut connection, a restarted API server or a pod
that went meanwhile cost a pause and no line. When the pod is gone, the stored log goes on after the lines already given.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from landbridge.domain.errors import LandbridgeError, NotFoundError, PermanentError
from landbridge.drivers.kubernetes.artifacts import ArtifactStore
from landbridge.drivers.kubernetes.cluster import PODS, Cluster, Object, Request, status_of
from landbridge.drivers.kubernetes.job_manifest import FETCH, MAIN, kube_name
from landbridge.drivers.kubernetes.training_state import index_of
from landbridge.drivers.kubernetes.training_submit import log_key
from landbridge.drivers.log_following import followed

NOT_YET = (400, 404)  # the container has not started; the pod is gone


@dataclass(slots=True)
class Place:
    """How far one pod's log was read: its last time stamp, how many lines bore it, and lines given in all."""

    since: str = ""
    same: int = 0
    given: int = 0
    pods: set[str] = field(default_factory=set)


class JobLog:
    """The log of one job."""

    def __init__(self, cluster: Cluster, store: Callable[[], ArtifactStore], target: str, name: str) -> None:
        self._cluster = cluster
        self._store = store
        self._target = target
        self._name = name
        self._places: dict[int, Place] = {}

    def lines(self, instances: int, follow: bool, is_final: Callable[[], bool]) -> Iterator[str]:
        """Every line, oldest first, of several instances with their number in front. `is_final` is asked before reading."""
        yield from followed(lambda: self._new_lines(instances), follow, is_final)
        yield from self._stored(instances)

    def _new_lines(self, instances: int) -> Iterator[str]:
        found: list[tuple[str, int, str]] = []
        for pod in self._pods():
            index = index_of(pod)
            found += [
                (stamp, index, line) for stamp, line in self._read(pod, MAIN, self._places.setdefault(index, Place()))
            ]
        for _, index, line in sorted(found, key=lambda item: item[0]):
            yield _named(line, index, instances)

    def _pods(self) -> list[Object]:
        labels = f"batch.kubernetes.io/job-name={kube_name(self._name)}"
        return sorted(self._cluster.items(PODS, labels=labels), key=index_of)

    def _read(self, pod: Object, container: str, place: Place) -> list[tuple[str, str]]:
        """Lines after `place`, with their time stamps, and move it."""
        query = {"container": container, "timestamps": "true"}
        if place.since:
            query["sinceTime"] = place.since
        name = str(pod["metadata"]["name"])
        path = self._cluster.path(PODS, name, "log")
        try:
            text = self._cluster.raw(Request("GET", path, f"reading the log of pod {name!r}", query=query))
        except PermanentError as error:
            if status_of(error) in NOT_YET:
                return []
            raise
        fresh = fresh_lines(text.decode(errors="replace"), place)
        place.pods.add(name)
        return fresh

    def _stored(self, instances: int) -> Iterator[str]:
        """What the store has beyond what the pods gave; a pod that never ran may say why in its first container."""
        for index in range(instances):
            place = self._places.get(index, Place())
            for line in self._stored_lines(index)[place.given :]:
                place.given += 1
                yield _named(line, index, instances)
        if not any(place.given for place in self._places.values()):
            for pod in self._pods():
                yield from (line for _, line in self._read(pod, FETCH, Place()))

    def _stored_lines(self, index: int) -> Sequence[str]:
        try:
            text = self._store().read(log_key(self._target, self._name, index))
        except NotFoundError:
            return ()
        except LandbridgeError:
            if self._places.get(index, Place()).given:
                return ()  # the pod's own log was enough
            raise
        return text.decode(errors="replace").removesuffix("\n").split("\n") if text else ()


def fresh_lines(text: str, place: Place) -> list[tuple[str, str]]:
    """The lines of `text` (each behind its time stamp) that come after `place`, which moves on.

    The API server goes back to the full second, and several lines may bear one stamp: so those seen already are counted.
    """
    found: list[tuple[str, str]] = []
    seen_same = 0
    for row in text.split("\n"):
        stamp, _, line = row.partition(" ")
        if not stamp or (place.since and stamp < place.since):
            continue
        if stamp == place.since:
            seen_same += 1
            if seen_same <= place.same:
                continue
            place.same = seen_same
        else:
            place.since, place.same = stamp, 1
            seen_same = 1
        place.given += 1
        found.append((stamp, line))
    return found


def _named(line: str, index: int, instances: int) -> str:
    return f"[{index}] {line}" if instances > 1 else line

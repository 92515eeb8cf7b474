"""What the service behind a target has to run on, also what no inventory names yet."""

from dataclasses import dataclass

from landbridge.domain.inventory import InstanceType

TRAINS, SERVES, SCORES = "train", "serve", "batch"


@dataclass(frozen=True, slots=True)
class OfferedCompute:
    """One compute of a service.

    Attributes:
        place: the service, such as a workspace, in words.
        kind: the service's own word.
        powers: what it can do for landbridge: train, serve, batch; empty = nothing.
        instance_types: what one instance of a job may have there; empty = not told, or any size of the region.
        nodes: how many there may be; None = not told.
        problem: why it takes no work now, or "".
        used: the target that was asked is this compute.
    """

    place: str
    name: str
    kind: str
    powers: tuple[str, ...] = ()
    instance_types: tuple[InstanceType, ...] = ()
    nodes: int | None = None
    problem: str = ""
    used: bool = False

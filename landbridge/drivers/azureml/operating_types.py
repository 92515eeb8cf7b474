"""Instance types that the inventory declares, held against those that a compute tells. Pure."""

from collections.abc import Iterable, Iterator

from landbridge.domain.capacity import in_words
from landbridge.domain.inventory import InstanceType, Target
from landbridge.domain.operating import Diagnosis, Verdict


def judge_told(target: Target, told: Iterable[InstanceType]) -> tuple[Diagnosis, ...]:
    """One row per declared type; which nodes take it a workspace does not know."""
    there = {item.name: item for item in told}
    if not target.instance_types:
        why = f"the inventory declares none for {target.name}; the compute has {', '.join(there) or 'none'}"
        return (Diagnosis("instance types", Verdict.PASS, why),)
    return tuple(_judge(item, there.get(item.name), target) for item in target.instance_types)


def _judge(declared: InstanceType, there: InstanceType | None, target: Target) -> Diagnosis:
    remedy = f"Run `landbridge ops instance-types apply {target.name}`."
    if there is None:
        return Diagnosis(declared.name, Verdict.FAIL, "the compute does not have it", remedy)
    if found := list(_differences(declared, there)):
        return Diagnosis(declared.name, Verdict.FAIL, "; ".join(found), remedy)
    return Diagnosis(declared.name, Verdict.PASS, "as declared; which nodes take it Azure does not tell")


def _differences(declared: InstanceType, there: InstanceType) -> Iterator[str]:
    for name, wanted, has in (
        ("requests", declared.requests, there.requests),
        ("limits", declared.limits, there.limits),
    ):
        if wanted != has:
            yield f"{name} {in_words(has)}, not {in_words(wanted)}"
    if dict(declared.node_selector) != dict(there.node_selector):
        yield f"node selector {dict(there.node_selector)}, not {dict(declared.node_selector)}"

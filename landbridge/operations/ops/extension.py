"""The cluster extension: what a file orders, what that would change, and the change itself."""

from dataclasses import dataclass
from pathlib import Path

from landbridge.domain.azure.extension import Extension
from landbridge.domain.azure.extension_plan import Plan
from landbridge.domain.azure.extension_plan import plan as plan_of
from landbridge.domain.azure.extension_state import (
    SUCCEEDED,
    Installed,
    Uses,
    as_written,
    differences,
    hurt_by,
    is_of,
)
from landbridge.domain.errors import InputError, NotFoundError, RefusedError
from landbridge.domain.operating import Access, Waiting
from landbridge.files.extension import Order, load_extension, read_order
from landbridge.operations.ops.reaching import find, reach
from landbridge.ports_ops import HasExtension, KnowsUses

Where = tuple[str, str, str]  # home, inventory file, target


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order. `changed`: something was done; else `there` was as ordered already."""

    wanted: Extension
    plan: Plan
    there: Installed
    changed: bool


def plan(file: str, present: str = "") -> tuple[Extension, Plan]:
    """Plan the installation, or with `present` (the output of `az k8s-extension show`) the update. Asks nobody.

    Raises:
        InputError: a file breaks a rule.
    """
    wanted, there = load_extension(Path(file), Path(present) if present else None)
    return wanted, plan_of(wanted, there)


def plan_for(where: Where, file: str) -> tuple[Extension, Plan]:
    """As `plan`, from what is on the target's cluster now, and with its nodes. Changes nothing.

    Raises:
        InputError: the file breaks a rule, or is for another cluster.
    """
    operated, order, there = _look(where, file, None)
    return _planned(operated, order, there)


def install(where: Where, file: str, waiting: Waiting) -> Outcome:
    """Install it where it is missing or failed; leave it alone where it is as ordered.

    Raises:
        InputError: the file breaks a rule, or is for another cluster.
        RefusedError: it is there, and differs: that is an update.
    """
    operated, order, there = _look(where, file, waiting)
    if there is not None and there.present.state == SUCCEEDED:
        wanted, made = _planned(operated, order, there)
        if found := differences(made):
            raise RefusedError(
                f"The extension is on {there.cluster} already, and differs in: {', '.join(found)}.",
                f"Run `landbridge ops extension update {where[2]} {file}`.",
            )
        return Outcome(wanted, made, there, changed=False)
    wanted, made = _planned(operated, order, None)
    return Outcome(wanted, made, operated.carry_out(wanted, made, waiting), changed=True)


def update(where: Where, file: str, waiting: Waiting, in_use: bool = False) -> Outcome:
    """Change what differs. `in_use`: also what harms jobs and endpoints that are there.

    Raises:
        NotFoundError: there is none to update.
        RefusedError: the change would harm what is at work.
    """
    operated, order, there = _look(where, file, waiting)
    if there is None:
        hint = f"Run `landbridge ops extension install {where[2]} {file}`."
        raise NotFoundError(f"The extension is not installed on {operated.cluster().label}.", hint)
    wanted, made = _planned(operated, order, there)
    if not made.command:
        return _unchanged(Outcome(wanted, made, there, changed=False), where, file)
    if not in_use and (hurt := hurt_by(made, _uses(where))):
        hint = "Wait until it has ended or take it away, or say --in-use. Other workspaces on the cluster are not seen."
        raise RefusedError(f"The change would harm what is at work: {'; '.join(hurt)}.", hint)
    return Outcome(wanted, made, operated.carry_out(wanted, made, waiting), changed=True)


def status(where: Where) -> Installed:
    """What is installed, in whatever state.

    Raises:
        NotFoundError: nothing.
    """
    operated = reach(find(*where), Access(), HasExtension)  # type: ignore[type-abstract]
    there = operated.extension(None)
    if there is None:
        hint = f"Write an order and run `landbridge ops extension install {where[2]} FILE`."
        raise NotFoundError(f"The extension is not installed on {operated.cluster().label}.", hint)
    return there


def remove(where: Where, waiting: Waiting, attached: bool = False) -> bool:
    """Whether there was one. `attached`: also while computes of the workspace need it.

    Raises:
        RefusedError: computes need it.
    """
    operated = reach(find(*where), Access(), HasExtension)  # type: ignore[type-abstract]
    computes = _uses(where).computes
    if computes and not attached:
        raise RefusedError(
            f"The computes {', '.join(computes)} of the workspace are on {operated.cluster().label} and need the extension.",
            "Detach them first (`landbridge ops detach`), or say --attached. Other workspaces on the cluster are not seen.",
        )
    return operated.remove_extension(waiting)


def _look(where: Where, file: str, waiting: Waiting | None) -> tuple[HasExtension, Order, Installed | None]:
    """Everything that an order is held against, read once; the file is read first, so that its faults cost no request."""
    order = read_order(Path(file))
    operated = reach(find(*where), Access(), HasExtension)  # type: ignore[type-abstract]
    at, ordered = operated.cluster(), order.extension
    if not is_of(ordered.cluster, at):
        raise InputError(
            f"The file orders the extension for {ordered.cluster.kind} cluster {ordered.cluster.name!r} of resource group "
            f"{ordered.cluster.resource_group!r}; target {where[2]!r} is on {at.label} of {at.resource_group!r}.",
            "Name the order of this cluster, or the target on that one.",
            order.document.where("cluster"),
        )
    there = operated.extension(waiting)
    if there is not None and there.name.lower() != ordered.name.lower():
        raise RefusedError(
            f"The extension is on {there.cluster} already, under the name {there.name!r}.",
            f"Write `name: {there.name}` into {file}: a cluster has it once.",
        )
    return operated, order, there


def _unchanged(outcome: Outcome, where: Where, file: str) -> Outcome:
    there = outcome.there
    if there.present.state != SUCCEEDED:
        said = f" ({there.said[0].rstrip('.')})" if there.said else ""
        raise RefusedError(
            f"Nothing differs, but the extension on {there.cluster} is {there.present.state}{said}.",
            f"Mend the cause, then run `landbridge ops extension install {where[2]} {file}`, which installs it anew.",
        )
    return outcome


def _planned(operated: HasExtension, order: Order, there: Installed | None) -> tuple[Extension, Plan]:
    present = as_written(there, order.extension) if there else None
    wanted = order.check(present, operated.nodes())
    return wanted, plan_of(wanted, present)


def _uses(where: Where) -> Uses:
    return reach(find(*where), Access(), KnowsUses).uses(whole_cluster=True)  # type: ignore[type-abstract]

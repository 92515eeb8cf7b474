"""Where data, and what is derived from it, may be. Residency beats availability.

Two voices speak, the scenario (`data.<name>.residency`, `exports`) and IT operations (`sites.<name>.exports`), and both
must agree. Metrics, models and logs are derived from all data of the scenario and inherit the residency of each; code
is derived from none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from landbridge.domain.inventory import Site
from landbridge.domain.scenario import DataAsset, Exports
from landbridge.domain.values import SiteKind


class MovementKind(StrEnum):
    DATA = "data"
    CODE = "code"
    MODEL = "model"
    METRICS = "metrics"
    LOGS = "logs"


@dataclass(frozen=True, slots=True)
class HomedData:
    """A data asset and the site where its datastore stands."""

    asset: DataAsset
    home: str


@dataclass(frozen=True, slots=True)
class Border:
    """Where something would cross: from which site to which, under which export list of the scenario."""

    from_site: str
    to_site: str
    sites: Mapping[str, Site]
    exports: Exports = Exports()


@dataclass(frozen=True, slots=True)
class Ruling:
    """`rule` names the rule that allows or forbids it, and who set it: a clause without a full stop."""

    allowed: bool
    rule: str


def placement_allowed(asset: DataAsset, site: str, kind: SiteKind) -> bool:
    """Tell whether `asset`, or anything derived from it, may be at `site`."""
    return not asset.residency or site in asset.residency or kind in asset.residency


def rule_movement(kind: MovementKind, name: str, data: Sequence[HomedData], border: Border) -> Ruling:
    """Decide whether `name` may cross `border`.

    Args:
        name: of the data asset, the metric, the model, the job's log or code. Data of an unknown name is derived data.
        data: all data of the scenario.
    """
    refusal = _refused_by_site(kind, name, border)
    if refusal:
        return Ruling(False, refusal)
    if border.from_site == border.to_site:
        return Ruling(True, f"it stays at {border.to_site}")
    if kind is MovementKind.CODE:
        return Ruling(True, f"code is derived from no data, and {_policy(border)} lets it out")
    if kind is MovementKind.DATA:
        return _rule_data(name, data, border)
    return _rule_derived(kind, name, data, border)


def must_strip(data: Sequence[HomedData], border: Border) -> bool:
    """Tell whether a model that crosses `border` must lose its samples: it leaves some resident data's boundary."""
    return border.from_site != border.to_site and _keeper(data, border) is not None


def exportable_metrics(names: Iterable[str], data: Sequence[HomedData], border: Border) -> tuple[str, ...]:
    """Those of the metrics `names` that may cross `border`, in their order."""
    return tuple(name for name in names if rule_movement(MovementKind.METRICS, name, data, border).allowed)


def misplaced(data: Sequence[HomedData], sites: Mapping[str, SiteKind]) -> tuple[str, ...]:
    """One clause for every asset whose own home lies outside its residency."""
    return tuple(
        f"data {item.asset.name} may be at {in_words(item.asset)} only, but its datastore is at {item.home}"
        for item in data
        if item.home not in sites or not placement_allowed(item.asset, item.home, sites[item.home])
    )


def in_words(asset: DataAsset) -> str:
    """The sites and kinds of its residency, sorted."""
    return " or ".join(sorted(asset.residency)) or "any site"


def _refused_by_site(kind: MovementKind, name: str, border: Border) -> str:
    unknown = next((site for site in (border.from_site, border.to_site) if site not in border.sites), None)
    if unknown is not None:
        return f"no site {unknown!r} is in the inventory, so nothing may go there or leave it"
    if border.from_site == border.to_site or kind in border.sites[border.from_site].exports:
        return ""
    return f"{_policy(border)} does not let {kind} {name!r} out of {border.from_site}"


def _rule_data(name: str, data: Sequence[HomedData], border: Border) -> Ruling:
    named = [item for item in data if item.asset.name == name]
    keeper = _keeper(named or data, border)
    if keeper is not None:
        return Ruling(False, f"{_residency(keeper)} keeps data {name!r} out of {border.to_site}")
    return Ruling(True, _unrestricted(named or data, border))


def _rule_derived(kind: MovementKind, name: str, data: Sequence[HomedData], border: Border) -> Ruling:
    keeper = _keeper(data, border)
    if keeper is None:
        return Ruling(True, _unrestricted(data, border))
    if kind is MovementKind.METRICS and name in border.exports.metrics:
        return Ruling(True, f"the scenario's exports.metrics names {name!r}, so this number may leave")
    if kind is MovementKind.MODEL and border.exports.model:
        return Ruling(True, "the scenario's exports.model lets the model leave, stripped of samples")
    return Ruling(False, f"{_residency(keeper)} holds for {kind} {name!r} too, which {_WHY_DERIVED[kind]}")


_WHY_DERIVED = {
    MovementKind.METRICS: "is derived from it and not named in the scenario's exports.metrics",
    MovementKind.MODEL: "is derived from it; the scenario's exports.model is off",
    MovementKind.LOGS: "may hold rows of it; nothing exports logs",
}


def _keeper(data: Sequence[HomedData], border: Border) -> HomedData | None:
    """The first asset that may not be where the border leads, or None."""
    kind = border.sites[border.to_site].kind if border.to_site in border.sites else None
    for item in data:
        if kind is None or not placement_allowed(item.asset, border.to_site, kind):
            return item
    return None


def _residency(item: HomedData) -> str:
    name = item.asset.name
    return f"the residency of data {name} ({in_words(item.asset)}; the scenario's data.{name}.residency)"


def _policy(border: Border) -> str:
    return f"IT policy (the inventory's sites.{border.from_site}.exports)"


def _unrestricted(data: Sequence[HomedData], border: Border) -> str:
    resident = [item for item in data if item.asset.residency]
    if not resident:
        return f"no data has a residency in the scenario, and {_policy(border)} lets it out"
    names = ", ".join(item.asset.name for item in resident)
    return f"{border.to_site} is within the residency that the scenario gives {names}"

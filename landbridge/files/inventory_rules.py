"""What must hold between the keys of an inventory. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from landbridge.files.inventory_keys import AmountKeys, InventoryKeys, MaintenanceKeys, RegistryKeys
from landbridge.files.problems import Problem, dotted, unknown_word
from landbridge.files.yaml_tree import Keys

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}?")


def placeholder_problems(value: Any, keys: Keys = ()) -> Iterator[Problem]:
    """Every `${…}` that is not `${home}`."""
    if isinstance(value, str):
        for found in _PLACEHOLDER.findall(value):
            if found != "${home}":
                yield Problem(
                    keys, f"`{dotted(keys)}` holds {found}, which means nothing here.", "Use ${home} or plain text."
                )
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from placeholder_problems(item, (*keys, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from placeholder_problems(item, (*keys, key))


def inventory_problems(keys: InventoryKeys) -> Iterator[Problem]:
    """All faults that only show when several keys are seen together."""
    yield from _known_sites(keys)
    yield from _known_targets(keys)
    yield from _one_site_per_cluster(keys)
    yield from _sites(keys)
    yield from _ports(keys)
    yield from _targets(keys)
    yield from _environments(keys)


def _known_sites(keys: InventoryKeys) -> Iterator[Problem]:
    users: Mapping[str, Mapping[str, Any]] = {"targets": keys.targets, "datastores": keys.datastores}
    for kind, group in users.items():
        for name, item in group.items():
            if item.site not in keys.sites:
                yield Problem(
                    (kind, name, "site"),
                    f"`{kind}.{name}.site`: there is no site {item.site!r}.",
                    unknown_word(item.site, tuple(keys.sites), "site"),
                )


def _known_targets(keys: InventoryKeys) -> Iterator[Problem]:
    for index, entry in enumerate(keys.environments):
        for position, pattern in enumerate(entry.targets):
            if not any(fnmatchcase(name, pattern) for name in keys.targets):
                yield Problem(
                    ("environments", index, "targets", position),
                    f"`environments[{index}].targets`: no target is called {pattern!r}.",
                    unknown_word(pattern, tuple(keys.targets), "target"),
                )


def _one_site_per_cluster(keys: InventoryKeys) -> Iterator[Problem]:
    homes: dict[str, tuple[str, str]] = {}
    for name, target in keys.targets.items():
        cluster = target.cluster or name
        first, site = homes.setdefault(cluster, (name, target.site))
        if site != target.site:
            yield Problem(
                ("targets", name, "cluster"),
                f"Cluster {cluster!r} would be at two sites: {site!r} (target {first!r}) and {target.site!r}.",
                "Give the targets of one cluster the same site, or name two clusters.",
            )


def _sites(keys: InventoryKeys) -> Iterator[Problem]:
    for name, site in keys.sites.items():
        if site.registry:
            yield from _registry(("sites", name, "registry"), site.registry)
        yield from _twice(("sites", name, "exports"), list(site.exports))
        seen: dict[str, str] = {}
        for service, address in site.network.endpoints.items():
            first = seen.setdefault(address, service)
            if first != service:
                yield Problem(
                    ("sites", name, "network", "endpoints", service),
                    f"`sites.{name}.network.endpoints`: {service!r} and {first!r} have the same address.",
                    "Keep one of the two, or correct its address.",
                )


def _registry(place: Keys, registry: RegistryKeys) -> Iterator[Problem]:
    if registry.port is not None and registry.uri is not None:
        yield Problem(
            (*place, "uri"),
            f"`{dotted(place)}` has both `port` and `uri`.",
            "Keep `port` for a registry that landbridge starts, or `uri` for one that runs already.",
        )
    if registry.address is not None and registry.port is None:
        yield Problem(
            (*place, "address"),
            f"`{dotted(place)}` has an `address` without a `port`.",
            "It is where the registry listens that landbridge starts: add `port`, or take it out.",
        )


def _ports(keys: InventoryKeys) -> Iterator[Problem]:
    """Ports that landbridge opens on this machine: of registries that it starts, and of local serving targets."""
    found: list[tuple[object, Keys]] = [
        (site.registry.port, ("sites", name, "registry", "port")) for name, site in keys.sites.items() if site.registry
    ]
    found += [
        (target.options.get("port"), ("targets", name, "options", "port"))
        for name, target in keys.targets.items()
        if target.driver == "local"
    ]
    users: dict[int, list[Keys]] = defaultdict(list)
    for port, place in found:
        if isinstance(port, int) and port != 0:
            users[port].append(place)
    for port, places in users.items():
        for place in places[1:]:
            yield Problem(place, f"Port {port} is taken by `{dotted(places[0])}` already.", "Choose another port.")


def _targets(keys: InventoryKeys) -> Iterator[Problem]:
    for name, target in keys.targets.items():
        place = ("targets", name)
        yield from _twice((*place, "roles"), [str(role) for role in target.roles])
        yield from _twice((*place, "instance_types"), [item.name for item in target.instance_types])
        for index, item in enumerate(target.instance_types):
            yield from _fits((*place, "instance_types", index), item.resources.requests, item.resources.limits)
        for index, window in enumerate(target.maintenance):
            yield from _window((*place, "maintenance", index), window)


def _fits(place: Keys, requests: AmountKeys, limits: AmountKeys | None) -> Iterator[Problem]:
    for name, info in AmountKeys.model_fields.items():
        asked, most = getattr(requests, name), getattr(limits, name) if limits else 0
        if limits and name in limits.model_fields_set and asked > most:
            word = info.alias or name
            where = (*place, "resources", "requests", word)
            yield Problem(where, f"`{dotted(where)}` is above the limit.", f"Lower the request or raise limits.{word}.")
    if not (limits or requests).model_fields_set:
        yield Problem(
            (*place, "resources"), f"`{dotted(place)}` has no resources.", "Add `limits` with cpu and memory."
        )


def _window(place: Keys, window: MaintenanceKeys) -> Iterator[Problem]:
    single, weekly = (window.start, window.end), (window.days, window.from_, window.to)
    is_single = None not in single and weekly == (None, None, None)
    is_weekly = None not in weekly and single == (None, None)
    name = dotted(place)
    if not is_single and not is_weekly:
        yield Problem(
            place,
            f"`{name}` is neither a single nor a weekly window.",
            "Give `start` and `end`, or `days`, `from` and `to`.",
        )
    if is_single and window.start and window.end and window.end <= window.start:
        yield Problem((*place, "end"), f"`{name}` ends before it starts.", "Swap `start` and `end`.")
    if is_weekly and window.from_ == 24 * 60:
        yield Problem((*place, "from"), f"`{name}` starts at 24:00.", 'Write `from: "00:00"` on the next day.')


def _environments(keys: InventoryKeys) -> Iterator[Problem]:
    for index, entry in enumerate(keys.environments):
        if (entry.python is None) == (entry.image is None):
            has = "neither `python` nor `image`" if entry.python is None else "both `python` and `image`"
            yield Problem(
                ("environments", index),
                f"`environments[{index}]` ({entry.name!r}) has {has}.",
                "Give exactly one of `python` and `image`.",
            )


def _twice(place: Keys, words: list[str]) -> Iterator[Problem]:
    for index, word in enumerate(words):
        if word in words[:index]:
            yield Problem((*place, index), f"`{dotted(place)}` names {word!r} twice.", "Remove one of the two.")

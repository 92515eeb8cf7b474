"""Which site plays which part in a story."""

from landbridge import drivers
from landbridge.domain.errors import CapabilityMissingError, InputError
from landbridge.domain.inventory import Inventory, Role, Site, Target
from landbridge.domain.requests import ResolvedEnvironment
from landbridge.domain.residency import placement_allowed
from landbridge.domain.values import Pattern, SiteKind
from landbridge.files.document import place
from landbridge.operations import connections
from landbridge.operations.story import Story

REGISTRY_KIND = {
    Pattern.CLOUD_TRAIN_ONPREM_DEPLOY: SiteKind.CLOUD,
    Pattern.HYBRID_TRAIN_DEPLOY: SiteKind.CLOUD,
    Pattern.ONPREM_TRAIN_CLOUD_DEPLOY: SiteKind.CLOUD,
    Pattern.PRIVATE_AKS: SiteKind.CLOUD,
    Pattern.ONPREM_LIFECYCLE: SiteKind.ONPREM,
}


def is_at(site: Site, words: tuple[str, ...]) -> bool:
    """Whether `site` is meant by one of `words`: its name, or its kind."""
    return site.name in words or str(site.kind) in words


def serving_sites(story: Story) -> tuple[str, ...]:
    """The sites of `endpoint.sites`, in the inventory's order. A name wins over a kind of the same word.

    Raises:
        InputError: a word leads to no site that serves.
    """
    inventory = story.inventory
    found: list[str] = []
    for word in story.scenario.endpoint.sites:
        named = [word] if word in inventory.sites and _serves(story, word) else []
        kind = [site.name for site in inventory.sites.values() if str(site.kind) == word and _serves(story, site.name)]
        if not named and not kind:
            raise InputError(
                f"endpoint.sites names {word!r}, where no target serves{_private_words(story)}.",
                "Add a target with `roles: [serve]` there to the inventory, or name another site.",
                place(story.scenario.path, "endpoint", "sites"),
            )
        found += named or kind
    return tuple(name for name in inventory.sites if name in found)


def _serves(story: Story, site: str) -> bool:
    target = story.inventory.serving_target(site)
    return target is not None and (target.private or story.scenario.pattern is not Pattern.PRIVATE_AKS)


def _private_words(story: Story) -> str:
    return " over a private network" if story.scenario.pattern is Pattern.PRIVATE_AKS else ""


def registry_site(story: Story) -> str:
    """The site whose registry keeps the model: the scenario's word, else the pattern's kind, nearest to the data first."""
    inventory, wanted = story.inventory, story.scenario.model.registry
    kind = REGISTRY_KIND[story.scenario.pattern]
    words: tuple[str, ...] = (wanted,) if wanted else (str(kind),)
    near = [item.site for item in story.data.values()] + list(serving_sites(story))
    candidates = [site.name for site in inventory.sites.values() if site.registry and is_at(site, words)]
    if wanted in candidates:
        return wanted
    candidates.sort(key=lambda name: near.index(name) if name in near else len(near))
    if not candidates:
        raise InputError(
            f"No site of kind {words[0]!r} has a model registry.",
            "Add `registry:` to one in the inventory, or name a site in model.registry.",
            place(inventory.path, "sites"),
        )
    return candidates[0]


def tracking_site(story: Story) -> str:
    """Where training logs its metrics: the model's registry, unless resident data forbids that site; then the data's own."""
    registry = registry_site(story)
    kind = story.inventory.sites[registry].kind
    bound = [item for item in story.data.values() if not placement_allowed(item.asset, registry, kind)]
    if not bound:
        return registry
    home = bound[0].site
    if story.inventory.sites[home].registry is None:
        raise InputError(
            f"Data set {bound[0].asset.name!r} may not leave {home!r}, and that site has no registry to track training.",
            f"Add `registry:` to sites.{home}.",
            place(story.inventory.path, "sites", home),
        )
    return home


def environment_on(story: Story, target: str) -> ResolvedEnvironment:
    """What the job's environment is on `target`, by the inventory's `environments` or by the target itself.

    Raises:
        CapabilityMissingError: the inventory says nothing for it there.
    """
    found = known_environment(story, target)
    if found is None:
        raise CapabilityMissingError(
            f"Environment {story.job.environment.label!r} is not known on target {target!r}.",
            "Add it to `environments:` in the inventory, with the image or Python it means there.",
            place(story.inventory.path, "environments"),
        )
    return found


def find_environment(inventory: Inventory, label: str, target: str) -> ResolvedEnvironment | None:
    """The first entry that fits the label and the target."""
    entry = inventory.environment(label, target)
    return ResolvedEnvironment(label, entry.python, entry.image) if entry else None


def known_environment(story: Story, target: str) -> ResolvedEnvironment | None:
    """What the inventory says of the job's environment; else, where the target makes environments itself, the job's own."""
    label = story.job.environment.label
    if found := find_environment(story.inventory, label, target):
        return found
    return ResolvedEnvironment(label) if makes_environments(story.inventory, target) else None


def makes_environments(inventory: Inventory, target: str) -> bool:
    """Whether the driver of `target` takes an environment as the job says it."""
    return drivers.driver(connections.find_target(inventory, target).driver).own_environments


def training_targets(inventory: Inventory) -> tuple[Target, ...]:
    return tuple(target for target in inventory.targets.values() if Role.TRAIN in target.roles)


def serving_target_name(inventory: Inventory, site: str) -> str:
    return connections.serving_target_of(inventory, site).name

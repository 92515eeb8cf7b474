"""Whether a training job reaches the registry that it logs to: one on this machine's loopback is nowhere else."""

from collections.abc import Iterator

from landbridge.domain.gate import wanted_metrics
from landbridge.domain.network import is_on_loopback
from landbridge.domain.placement_values import TRACKING
from landbridge.domain.plan import Finding, FindingKind
from landbridge.operations import connections
from landbridge.operations.sites import tracking_site
from landbridge.operations.story import Story
from landbridge.ports import RunsElsewhere


def findings(story: Story, target: str) -> Iterator[Finding]:
    """Refuse `target` where the gate's metrics would surely not arrive; where they may, say on what it depends."""
    site = tracking_site(story)
    registry = story.inventory.sites[site].registry
    driver = connections.training(story.inventory, target)
    if registry is None or not is_on_loopback(registry) or not isinstance(driver, RunsElsewhere):
        return
    key = f"sites.{site}.registry"
    mend = f"{key}.uri to a server" if registry.url else f"{key}.address to an address of this machine"
    hint = f"Set {mend} that jobs on {target} reach."
    detail = f"jobs log to the registry of {site}, which listens on loopback, and {target} runs them elsewhere"
    if driver.is_surely_elsewhere():
        metrics = ", ".join(wanted_metrics(story.scenario.gate))
        yield Finding(TRACKING, FindingKind.REFUSED, f"{detail}: {metrics} would never arrive", hint)
    else:
        yield Finding(TRACKING, FindingKind.NOTE, f"{detail}, unless that is this machine too. {hint}")

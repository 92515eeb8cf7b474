"""The parts of the inventory that live on this machine: serving agents, and training jobs that may have to end."""

import logging
from typing import TYPE_CHECKING

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.inventory import Inventory, Role
from landbridge.operations import connections
from landbridge.ports import CanListJobs

if TYPE_CHECKING:
    from landbridge.drivers.local.agent import SiteAgent
    from landbridge.runner.forks import Forks

LOCAL = "local"

log = logging.getLogger("landbridge.host")


def build_agents(inventory: Inventory, forks: "Forks") -> "dict[str, SiteAgent]":
    """One agent per serving target of the local driver, not started."""
    from landbridge.drivers.local.agent import SiteAgent

    return {
        target.name: SiteAgent(target.site, target, inventory, forks)
        for target in inventory.targets.values()
        if target.driver == LOCAL and Role.SERVE in target.roles
    }


def cancel_all_jobs(inventory: Inventory) -> int:
    """Cancel the unfinished training jobs of this machine; returns how many. What cannot be cancelled is logged."""
    ended = 0
    for target in inventory.targets.values():
        if target.driver != LOCAL or Role.TRAIN not in target.roles:
            continue
        training = connections.training(inventory, target.name)
        for ref in training.jobs() if isinstance(training, CanListJobs) else ():
            try:
                if not training.observe(ref).phase.is_final:
                    training.cancel(ref)
                    ended += 1
            except LandbridgeError as error:
                log.warning("job %s was not cancelled: %s", ref.name, error)
    return ended

"""The rollout machine: beside → smoke → shift → soak → promote → retire, or roll back. One verdict for all sites."""

from enum import StrEnum


class Phase(StrEnum):
    """Where a release is. Promoted and RolledBack are final."""

    BESIDE = "Beside"
    SMOKE = "Smoke"
    SHIFT = "Shift"
    SOAK = "Soak"
    PROMOTE = "Promote"
    RETIRE = "Retire"
    DONE = "Done"
    ROLL_BACK = "RollBack"
    ROLLED_BACK = "RolledBack"

"""The cluster extension: what a file orders, and what that would change."""

from pathlib import Path

from landbridge.domain.azure.extension import Extension
from landbridge.domain.azure.extension_plan import Plan
from landbridge.domain.azure.extension_plan import plan as plan_of
from landbridge.files.extension import load_extension


def plan(file: str, present: str = "") -> tuple[Extension, Plan]:
    """Plan the installation, or with `present` (the output of `az k8s-extension show`) the update. Asks nobody.

    Raises:
        InputError: a file breaks a rule.
    """
    wanted, there = load_extension(Path(file), Path(present) if present else None)
    return wanted, plan_of(wanted, there)

"""A team's namespace, from the inventory."""

import os
from pathlib import Path

from landbridge.domain.operating import Access, NamespacePlan
from landbridge.operations.ops.reaching import find, reach
from landbridge.ports import HasNamespaces

OWNER_ONLY = 0o600


def plan(where: tuple[str, str, str], access: Access) -> NamespacePlan:
    return reach(find(*where), access, HasNamespaces).plan_namespace()  # type: ignore[type-abstract]


def ensure(where: tuple[str, str, str], access: Access) -> NamespacePlan:
    return reach(find(*where), access, HasNamespaces).apply_namespace()  # type: ignore[type-abstract]


def write_credentials(where: tuple[str, str, str], access: Access, path: Path, seconds: int) -> None:
    """Write the orchestrator's kubeconfig, for its owner's eyes only; appears whole or not at all."""
    text = reach(find(*where), access, HasNamespaces).credentials(seconds)  # type: ignore[type-abstract]
    draft = path.with_name(f".{path.name}.part")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)

"""Into the cluster behind a target of a cloud, by Kubernetes' own API: with a given kubeconfig, or one that its cloud gives."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from landbridge import drivers
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.operating import Access
from landbridge.ports import OperatedTarget
from landbridge.ports_ops import GivesKubeconfig

DRIVER = "kubernetes"


@contextmanager
def inside(found: tuple[Inventory, Target], access: Access, namespace: str) -> Iterator[OperatedTarget]:
    """The same target as one on Kubernetes, in `namespace`. A kubeconfig that a cloud gives is gone afterwards.

    Raises:
        LandbridgeError: there is no way in, with what makes one.
    """
    inventory, target = found
    if access.kubeconfig:
        yield _connect(found, access, namespace)
        return
    operated = drivers.operated_target(target, inventory)
    assert isinstance(operated, GivesKubeconfig)  # whoever asks has found it in a workspace
    with tempfile.TemporaryDirectory(prefix="landbridge-") as folder:  # mode 700
        path = Path(folder) / "kubeconfig"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(operated.kubeconfig())
        yield _connect(found, Access(str(path)), namespace)


def _connect(found: tuple[Inventory, Target], access: Access, namespace: str) -> OperatedTarget:
    inventory, target = found
    options = {"namespace": namespace, "kubeconfig": access.kubeconfig, "context": access.context}
    there = replace(target, driver=DRIVER, options=options)
    return drivers.operated_target(there, replace(inventory, targets={there.name: there}))

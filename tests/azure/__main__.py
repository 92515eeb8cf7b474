"""A double to work with by hand: `python -m tests.azure`, then paste what it prints into another shell. Ctrl-C ends it.

There are an Arc cluster attached as `k8s`, an AKS cluster attached as `aks`, and the Azure-managed compute `cpu`.
"""

import shlex
import sys
import threading

from tests.azure.double.double import running
from tests.azure.double.ground import Ground


def main() -> None:
    ground = Ground()
    try:
        with running(ground) as azure:
            azure.seeds.kubernetes_compute("k8s")
            azure.seeds.kubernetes_compute("aks", kind="aks")
            azure.seeds.managed_compute("cpu")
            places = azure.places
            scope = {"SUBSCRIPTION": places.subscription, "GROUP": places.resource_group, "WORKSPACE": places.workspace}
            for name, value in {**azure.environment, **{f"AZUREML_{key}": one for key, one in scope.items()}}.items():
                sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
            sys.stdout.flush()
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                sys.stdout.write("\n".join(["", *azure.problems(), ""]))
    finally:
        ground.close()


if __name__ == "__main__":
    main()

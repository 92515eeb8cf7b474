"""A site's MLflow server as model registry and run tracker.

It speaks MLflow's documented REST API: importing mlflow costs 1.2 s, and its client retries a dead server for minutes.
Only artifact stores that the server does not proxy (`s3:`, `abfss:`, …) need mlflow's own code.
Source: https://mlflow.org/docs/latest/api_reference/rest-api.html
"""

from typing import TYPE_CHECKING

from landbridge.domain.inventory import Inventory, RegistrySpec
from landbridge.ports import Driver

if TYPE_CHECKING:
    from landbridge.drivers.mlflow.registry import MlflowRegistry


def connect(spec: RegistrySpec, inventory: Inventory) -> "MlflowRegistry":
    """The registry of `spec.site`. Asks nobody yet.

    Raises:
        InputError: an option is wrong.
        AuthError: a secret that an option names is not in the environment.
    """
    from landbridge.drivers.mlflow.options import read_options
    from landbridge.drivers.mlflow.registry import MlflowRegistry
    from landbridge.drivers.mlflow.rest import Rest

    return MlflowRegistry(Rest(read_options(spec, inventory)))


DRIVER = Driver(registry=connect)

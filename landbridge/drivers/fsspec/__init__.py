"""Data stores and model stores over fsspec: any protocol it has."""

from landbridge.domain.inventory import Datastore, Inventory
from landbridge.ports import DataStore, Driver


def _data(datastore: Datastore, inventory: Inventory) -> DataStore:
    from landbridge.drivers.fsspec.store import FsspecStore

    return FsspecStore(datastore, inventory)


DRIVER = Driver(data=_data)

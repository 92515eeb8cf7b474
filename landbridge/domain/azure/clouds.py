"""The clouds that Azure Machine Learning runs in, and the ends of their host names.

Sources: https://learn.microsoft.com/azure/machine-learning/how-to-access-azureml-behind-firewall (hosts of the three clouds),
https://learn.microsoft.com/azure/machine-learning/how-to-custom-dns (names of a workspace).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from landbridge.domain.errors import InputError

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_REGION = re.compile(r"[a-z]{3,}[a-z0-9]*")


class Cloud(StrEnum):
    PUBLIC = "Azure"
    GOVERNMENT = "Azure Government"
    CHINA = "Azure operated by 21Vianet"


@dataclass(frozen=True, slots=True)
class Names:
    """Ends of host names.

    Attributes:
        api: of Azure Machine Learning.
        guessed: parts that no page about Azure Machine Learning names for this cloud; Azure's general ending stands there.
    """

    login: str
    management: str
    api: str
    storage: str
    registry: str
    kusto: str
    configuration: str
    relay: str
    aks: str
    guessed: tuple[str, ...] = ()


NAMES = {
    Cloud.PUBLIC: Names(
        login="login.microsoftonline.com",
        management="management.azure.com",
        api="api.azureml.ms",
        storage="core.windows.net",
        registry="azurecr.io",
        kusto="kusto.windows.net",
        configuration="dp.kubernetesconfiguration.azure.com",
        relay="servicebus.windows.net",
        aks="azmk8s.io",
    ),
    Cloud.GOVERNMENT: Names(
        login="login.microsoftonline.us",
        management="management.usgovcloudapi.net",
        api="api.ml.azure.us",
        storage="core.usgovcloudapi.net",
        registry="azurecr.us",
        kusto="kusto.usgovcloudapi.net",
        configuration="dp.kubernetesconfiguration.azure.us",
        relay="servicebus.usgovcloudapi.net",
        aks="cx.aks.containerservice.azure.us",
        guessed=("kusto",),
    ),
    Cloud.CHINA: Names(
        login="login.chinacloudapi.cn",
        management="management.chinacloudapi.cn",
        api="api.ml.azure.cn",
        storage="core.chinacloudapi.cn",
        registry="azurecr.cn",
        kusto="kusto.chinacloudapi.cn",
        configuration="dp.kubernetesconfiguration.azure.cn",
        relay="servicebus.chinacloudapi.cn",
        aks="cx.prod.service.azk8s.cn",
        guessed=("kusto",),
    ),
}


def region_name(written: str) -> str:
    """`West Europe` → `westeurope`.

    Raises:
        InputError: it cannot be one.
    """
    name = re.sub(r"[\s_-]", "", written).lower()
    if not _REGION.fullmatch(name):
        raise InputError(
            f"{written!r} is no Azure region.", "Name the workspace's region, such as --region westeurope."
        )
    return name


def own_name(written: str) -> str:
    """A name that becomes the first part of a host name; "" stays "".

    Raises:
        InputError: it cannot be one.
    """
    if written and not _LABEL.fullmatch(written):
        raise InputError(f"{written!r} is no part of a host name.", "Give the name alone: no address, no dots.")
    return written.lower()


def cloud_of(region: str) -> Cloud:
    if region.startswith(("usgov", "usdod")):
        return Cloud.GOVERNMENT
    return Cloud.CHINA if region.startswith("china") else Cloud.PUBLIC

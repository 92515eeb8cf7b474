"""Options of an azureml target: what is wrong is told with its key and what mends it, before anybody connects."""

import pytest

from landbridge.domain.azure.clouds import Cloud
from landbridge.domain.errors import InputError
from landbridge.domain.inventory import Inventory, Network, Role, Target
from landbridge.domain.values import Json
from landbridge.drivers.azureml.options import ComputeKind, addresses, option_problems, read_options

LEAST: dict[str, Json] = {
    "subscription_id": "00000000-0000-0000-0000-000000000000",
    "resource_group": "ml-prod",
    "workspace": "contoso-ml",
}
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
INVENTORY = Inventory("test", "inventory.yaml", "/nowhere", {}, {}, {})


def target(**options: Json) -> Target:
    return Target("aml", "cloud", "azureml", frozenset({Role.TRAIN}), "aml", {**LEAST, **options})


def test_the_least_is_enough_and_means_serverless() -> None:
    assert list(option_problems(LEAST)) == []
    read = read_options(target(), INVENTORY)
    assert read.compute_kind is ComputeKind.SERVERLESS
    assert read.place.id == (
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/ml-prod"
        "/providers/Microsoft.MachineLearningServices/workspaces/contoso-ml"
    )


@pytest.mark.parametrize(
    ("options", "key", "words"),
    [
        ({"subscription_id": "mine"}, "subscription_id", "no identifier"),
        ({"batch_scoring": "endpiont", "compute": "cpu"}, "batch_scoring", "endpoint"),
        ({"batch_scoring": "endpoint"}, "batch_scoring", "needs the name of a compute"),
        ({"batch_scoring": "endpoint", "compute": "serverless"}, "batch_scoring", "needs the name of a compute"),
        ({"tenant_id": "contoso.com"}, "tenant_id", "no identifier"),
        ({"workspace": "a/b"}, "workspace", "no legal name"),
        ({"workspace": "ml-"}, "workspace", "ends in a dash"),
        ({"resource_group": "rg-"}, "resource_group", "ends in a dash"),
        ({"compute": "azureml:cpu"}, "compute", "no legal name"),
        ({"workspce": "x"}, "workspce", "did you mean 'workspace'"),
        ({"cloud": "AzureChina"}, "cloud", "did you mean 'AzureChinaCloud'"),
        ({"compute": "k8s", "kind": "kubernets"}, "kind", "did you mean 'kubernetes'"),
        ({"compute": "k8s", "kind": "serverless"}, "kind", "not serverless"),
        ({"kind": "kubernetes"}, "kind", "needs the name"),
        ({"compute": "cpu", "kind": "amlcompute", "namespace": "team"}, "namespace", "no namespace"),
        ({"compute": "k8s", "namespace": "Team"}, "namespace", "no legal name"),
        ({"endpoints": "batch"}, "endpoints", "there is no endpoints"),
        ({"compute": 3}, "compute", "not text"),
        ({"operations": "system"}, "operations", "no mapping"),
        ({"operations": {"clutser": "x"}}, "operations", "did you mean 'cluster'"),
        ({"operations": {"description": 3}}, "operations", "not text"),
        ({"operations": {"cluster": "aks-prod"}}, "operations", "no identifier of an AKS or Arc cluster"),
        ({"operations": {"identity": "me"}}, "operations", "no identity"),
        ({"operations": {"identity": f"{IDENTITY}/a,{IDENTITY}/b"}}, "operations", "names several"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Json], key: str, words: str) -> None:
    found = list(option_problems({**LEAST, **options}))
    assert [problem.key for problem in found] == [key]
    assert words in found[0].message
    assert found[0].hint
    with pytest.raises(InputError, match=rf"targets\.aml\.options\.{key}"):
        read_options(target(**options), INVENTORY)


@pytest.mark.parametrize("key", list(LEAST))
def test_what_is_missing_is_named(key: str) -> None:
    found = list(option_problems({name: value for name, value in LEAST.items() if name != key}))
    assert [(problem.key, key in problem.message) for problem in found] == [("", True)]


@pytest.mark.parametrize(
    ("cloud", "means", "host"),
    [
        ("AzureCloud", Cloud.PUBLIC, "management.azure.com"),
        ("AzureUSGovernment", Cloud.GOVERNMENT, "management.usgovcloudapi.net"),
        ("AzureChinaCloud", Cloud.CHINA, "management.chinacloudapi.cn"),
    ],
)
def test_a_sovereign_cloud_has_its_own_addresses(cloud: str, means: Cloud, host: str) -> None:
    read = read_options(target(cloud=cloud), INVENTORY)
    assert read.place.cloud is means
    assert addresses(read, Network())["Azure management"] == f"https://{host}"


def test_what_the_proxy_of_the_site_lets_out_need_not_be_private() -> None:
    read = read_options(target(), INVENTORY)
    behind = Network(private=True, proxy="http://proxy:3128", egress=("management.azure.com", "login.*"))
    assert addresses(read, behind) == {}
    assert len(addresses(read, Network(private=True, egress=("*",)))) == 2  # no proxy leads there

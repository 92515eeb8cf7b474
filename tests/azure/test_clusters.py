"""The management clients, unmodified: AKS and Arc clusters, the extension, and what stands beside a workspace."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.hybridkubernetes import ConnectedKubernetesClient
from azure.mgmt.kubernetesconfiguration.extensions import KubernetesConfigurationExtensionsMgmtClient
from azure.mgmt.kubernetesconfiguration.extensions.models import Extension, ExtensionProperties

from tests.azure.double.double import Double

ARC = ("Microsoft.Kubernetes", "connectedClusters")
AKS = ("Microsoft.ContainerService", "managedClusters")
POC = {
    "enableTraining": "True",
    "enableInference": "True",
    "inferenceRouterServiceType": "LoadBalancer",
    "allowInsecureConnections": "True",
    "inferenceRouterHA": "False",
}


@pytest.fixture
def client(azure: Double) -> Callable[..., Any]:
    """Build a management client with no argument but the credential and the subscription."""
    return lambda kind: kind(DefaultAzureCredential(), azure.places.subscription)


@pytest.fixture
def install(azure: Double, client: Callable[..., Any]) -> Callable[..., Any]:
    """Install or update the Azure ML extension on a cluster."""
    extensions = client(KubernetesConfigurationExtensionsMgmtClient).extensions

    def make(cluster: str, settings: dict[str, str], kind: tuple[str, str] = ARC, **more: Any) -> Any:
        properties = ExtensionProperties(
            extension_type="Microsoft.AzureML.Kubernetes", configuration_settings=settings, **more
        )
        scope = (azure.places.resource_group, *kind, cluster, "azureml")
        return extensions.begin_create(*scope, Extension(properties=properties)).result()

    return make


def test_an_arc_cluster_is_read_with_its_state(azure: Double, client: Callable[..., Any]) -> None:
    azure.seeds.cluster("arc1", connectivityStatus="Offline")
    clusters = client(ConnectedKubernetesClient).connected_cluster
    found = clusters.get("ml", "arc1")
    assert (found.properties.connectivity_status, found.properties.total_node_count) == ("Offline", 3)
    assert [one.name for one in clusters.list_by_subscription()] == ["arc1"]
    with pytest.raises(ResourceNotFoundError):
        clusters.get("ml", "arc2")


def test_an_aks_cluster_is_read_with_what_a_check_needs(azure: Double, client: Callable[..., Any]) -> None:
    azure.seeds.cluster("aks1", "aks", disableLocalAccounts=True, apiServerAccessProfile={"enablePrivateCluster": True})
    azure.seeds.inside(
        f"{azure.places.group_id}/providers/Microsoft.ContainerService/managedClusters/aks1"
    ).kubeconfig = "real"
    aks = client(ContainerServiceClient)
    found = aks.managed_clusters.get("ml", "aks1")
    assert (found.disable_local_accounts, found.api_server_access_profile.enable_private_cluster) == (True, True)
    assert (found.identity.type, found.power_state.code) == ("SystemAssigned", "Running")
    assert [(pool.vm_size, pool.count) for pool in found.agent_pool_profiles] == [("Standard_DS3_v2", 3)]
    offered = aks.managed_clusters.list_kubernetes_versions("westeurope").values_property
    assert [one.version for one in offered] == ["1.34", "1.33", "1.32"]
    config = aks.managed_clusters.list_cluster_user_credentials("ml", "aks1").kubeconfigs[0]
    assert config.value == b"real"


def test_the_generated_models_know_every_property_of_an_aks_cluster(azure: Double, client: Callable[..., Any]) -> None:
    """No OpenAPI document is here for AKS; the SDK's models are generated from it."""
    azure.seeds.cluster("aks1", "aks")
    found = client(ContainerServiceClient).managed_clusters.get("ml", "aks1")
    assert _unknown(found) == []
    answered = next(azure.record.asked("GET", "managedClusters/aks1")).answered
    answered["properties"]["colour"] = "blue"
    assert _unknown(type(found)(answered)) == ["ManagedClusterProperties.colour"]


def test_the_extension_is_installed_listed_and_removed(
    azure: Double, client: Callable[..., Any], install: Callable[..., Any]
) -> None:
    azure.seeds.cluster("aks1", "aks", settings={})
    made = install("aks1", POC, AKS)
    assert (made.properties.provisioning_state, made.properties.current_version) == ("Succeeded", "1.1.88")
    extensions = client(KubernetesConfigurationExtensionsMgmtClient).extensions
    assert [one.name for one in extensions.list("ml", *AKS, "aks1")] == ["azureml"]
    extensions.begin_delete("ml", *AKS, "aks1", "azureml").result()
    assert not list(extensions.list("ml", *AKS, "aks1"))


def test_an_update_merges_settings_and_replaces_protected_ones(
    azure: Double, client: Callable[..., Any], install: Callable[..., Any]
) -> None:
    from azure.mgmt.kubernetesconfiguration.extensions.models import PatchExtension, PatchExtensionProperties

    azure.seeds.cluster("arc1", settings={})
    tls = {"sslCertPemFile": "cert", "sslKeyPemFile": "key"}
    settings = {**POC, "allowInsecureConnections": "False", "sslCname": "ml.example.org"}
    made = install("arc1", settings, configuration_protected_settings=tls)
    assert dict(made.properties.configuration_protected_settings) == {"sslCertPemFile": "", "sslKeyPemFile": ""}
    change = PatchExtensionProperties(
        configuration_settings={"installPromOp": "False", "sslSecret": "s"}, configuration_protected_settings={}
    )
    extensions = client(KubernetesConfigurationExtensionsMgmtClient).extensions
    after = extensions.begin_update("ml", *ARC, "arc1", "azureml", PatchExtension(properties=change)).result()
    assert after.properties.configuration_settings == {**settings, "installPromOp": "False", "sslSecret": "s"}
    assert not after.properties.configuration_protected_settings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inferenceRouterHA": "True"}, "E40002"),
        ({"internalLoadBalancerProvider": "azure"}, "E40003"),
        ({"allowInsecureConnections": "False"}, "E40007"),
        ({"enableTraining": "False", "enableInference": "False"}, "neither"),
        ({"inferenceRouterServiceType": ""}, "inferenceRouterServiceType"),
        ({}, "E40001"),
    ],
)
def test_an_installation_that_the_cluster_cannot_take_fails_with_the_health_checks_code(
    azure: Double, client: Callable[..., Any], install: Callable[..., Any], changes: dict[str, str], words: str
) -> None:
    inside = azure.seeds.inside(azure.seeds.cluster("arc1", settings={}))
    inside.nodes, inside.has_load_balancer = 1, bool(changes)
    with pytest.raises(HttpResponseError, match=words):
        install("arc1", {**POC, **changes})
    extension = client(KubernetesConfigurationExtensionsMgmtClient).extensions.get("ml", *ARC, "arc1", "azureml")
    assert (extension.properties.provisioning_state, words in extension.properties.error_info.message) == (
        "Failed",
        True,
    )


def test_one_cluster_has_the_extension_once(azure: Double, client: Callable[..., Any]) -> None:
    azure.seeds.cluster("arc1")
    again = Extension(
        properties=ExtensionProperties(extension_type="microsoft.azureml.kubernetes", configuration_settings=POC)
    )
    with pytest.raises(HttpResponseError, match="is installed as azureml"):
        client(KubernetesConfigurationExtensionsMgmtClient).extensions.begin_create("ml", *ARC, "arc1", "second", again)


def test_a_neighbour_is_public_until_it_is_closed(azure: Double) -> None:
    storage = azure.places.account_id
    assert _read(azure, storage)["properties"]["publicNetworkAccess"] == "Enabled"
    azure.seeds.close("storageAccount")
    azure.seeds.close("keyVault", status="Pending")
    closed = _read(azure, storage)["properties"]
    assert (closed["publicNetworkAccess"], closed["networkAcls"]["defaultAction"]) == ("Disabled", "Deny")
    connection = closed["privateEndpointConnections"][0]["properties"]
    assert connection["privateLinkServiceConnectionState"]["status"] == "Approved"
    endpoint = _read(azure, connection["privateEndpoint"]["id"])
    assert endpoint["properties"]["privateLinkServiceConnections"][0]["properties"]["privateLinkServiceId"] == storage


def test_a_workspace_can_be_closed(azure: Double) -> None:
    azure.seeds.close("workspace")
    workspace = _read(azure, azure.places.workspace_id, "2023-08-01-preview")["properties"]
    assert workspace["publicNetworkAccess"] == "Disabled"
    assert len(workspace["privateEndpointConnections"]) == 1


def _read(azure: Double, resource_id: str, version: str = "2023-01-01") -> Any:
    headers = {"Authorization": f"Bearer {azure.login.issue(azure.places.management)}"}
    answer = httpx.get(f"{azure.places.management}{resource_id}?api-version={version}", headers=headers)
    assert answer.status_code == 200
    return answer.json()


def _unknown(model: Any) -> list[str]:
    """Properties of the answer that no field of its generated model is for, at any depth."""
    known = {field._rest_name: name for name, field in type(model)._attr_to_rest_field.items()}
    found = [f"{type(model).__name__}.{key}" for key in model if key not in known]
    for attribute in known.values():
        value = getattr(model, attribute)
        for one in value if isinstance(value, list) else [value]:
            if hasattr(type(one), "_attr_to_rest_field"):
                found += _unknown(one)
    return found

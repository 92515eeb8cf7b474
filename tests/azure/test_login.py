"""Credentials: the real DefaultAzureCredential with a client secret, and what the services ask of a token."""

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureAuthorityHosts, ClientSecretCredential, DefaultAzureCredential
from azure.mgmt.hybridkubernetes import ConnectedKubernetesClient

from tests.azure.double.double import Double, running
from tests.azure.double.ground import Ground
from tests.azure.double.places import CLOUDS, Places


def ask(azure: Double, token: str) -> int:
    url = f"{azure.places.management}{azure.places.workspace_id}?api-version=2023-08-01-preview"
    return httpx.get(url, headers={"Authorization": f"Bearer {token}"} if token else {}).status_code


def test_the_environments_credential_gets_in(azure: Double) -> None:
    token = DefaultAzureCredential().get_token("https://management.azure.com/.default").token
    assert ask(azure, token) == 200


def test_a_wrong_secret_gets_no_token(azure: Double) -> None:
    credential = ClientSecretCredential(azure.places.tenant, azure.places.client, "wrong")
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        credential.get_token("https://management.azure.com/.default")


@pytest.mark.parametrize("audience", ["https://ml.azure.com", "https://storage.azure.com", ""])
def test_a_token_for_another_service_or_none_is_refused(azure: Double, audience: str) -> None:
    assert ask(azure, azure.login.issue(audience) if audience else "") == 401


def test_a_forged_token_is_refused(azure: Double) -> None:
    head, claims, signature = azure.login.issue(azure.places.management).split(".")
    assert ask(azure, f"{head}.{claims}.{signature[::-1]}") == 401


def test_revoked_tokens_are_worthless_and_new_ones_are_not(azure: Double) -> None:
    old = azure.login.issue(azure.places.management)
    azure.login.revoke()
    assert ask(azure, old) == 401
    assert ask(azure, azure.login.issue(azure.places.management)) == 200


@pytest.mark.parametrize(
    ("name", "authority"),
    [("AzureUSGovernment", AzureAuthorityHosts.AZURE_GOVERNMENT), ("AzureChinaCloud", AzureAuthorityHosts.AZURE_CHINA)],
)
def test_a_sovereign_cloud_has_its_own_hosts(
    azure_ground: Ground, monkeypatch: pytest.MonkeyPatch, name: str, authority: str
) -> None:
    with running(azure_ground, Places(cloud=CLOUDS[name])) as azure:
        for key, value in azure.environment.items():
            monkeypatch.setenv(key, value)
        azure.seeds.cluster("arc1")
        management = azure.places.management
        client = ConnectedKubernetesClient(
            DefaultAzureCredential(authority=authority),
            azure.places.subscription,
            base_url=management,
            credential_scopes=[f"{management}/.default"],
        )
        assert [one.name for one in client.connected_cluster.list_by_subscription()] == ["arc1"]
        with pytest.raises(httpx.ProxyError):
            httpx.get("https://management.azure.com/")
        azure.expect(r"refused, not Azure: management\.azure\.com")
        azure.verify()

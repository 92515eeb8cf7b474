"""From a wanted extension to the settings that Azure's agents read: what its own CLI derives from what a person writes. Pure.

Source: https://github.com/Azure/azure-cli-extensions, src/k8s-extension/…/partner_extensions/AzureMLKubernetes.py, and
https://github.com/Azure/AML-Kubernetes/blob/master/files/deployextension.json. What AzureML's page calls the settings is a
front; a resource without these would install, and find neither its cluster nor its relay.
"""

import base64
import hashlib
from collections.abc import Mapping

from landbridge.domain.azure.clusters import Aks, Arc, ClusterId
from landbridge.domain.azure.extension import CERTIFICATE, KEY
from landbridge.domain.azure.extension_state import CERTIFICATE_DATA, KEY_DATA, RELAY_STRING, RELAY_STRING_TOO
from landbridge.domain.azure.settings import FALSE, TRUE, ClusterKind

LONGEST_RELAY = 50
DIGEST = 6
OPENSHIFT = "openshift"


def of_cluster(cluster: Aks | Arc) -> dict[str, str]:
    """What a new installation says of the cluster that it is on."""
    at, aks = cluster.at, cluster.at.kind is ClusterKind.AKS
    more = {OPENSHIFT: "true"} if isinstance(cluster, Arc) and cluster.distribution.lower() == OPENSHIFT else {}
    return more | {
        "cluster_name": at.id,
        "clusterId": at.id,
        "prometheus.prometheusSpec.externalLabels.cluster_name": at.id,
        "cluster_name_friendly": at.name,
        "domain": f"{cluster.region}.cloudapp.azure.com",
        "location": cluster.region,
        "jobSchedulerLocation": cluster.region,
        "servicebus.enabled": "false",
        "relayserver.enabled": "false" if aks else "true",
        "nginxIngress.enabled": "true" if aks else "false",
    }


def of_router(settings: Mapping[str, str]) -> dict[str, str]:
    """What follows from the router's own settings, those of an update too."""
    found = {}
    if service := settings.get("inferenceRouterServiceType"):
        found["scoringFe.serviceType.nodePort"] = TRUE if service == "NodePort" else FALSE
    if provider := settings.get("internalLoadBalancerProvider"):
        found["scoringFe.serviceType.internalLoadBalancer"] = TRUE if provider == "azure" else FALSE
    if secret := settings.get("sslSecret"):
        found["scoringFe.sslSecret"] = secret
    return found


def of_secrets(protected: Mapping[str, str], pems: Mapping[str, bytes]) -> dict[str, str]:
    """All protected settings. `pems`: content of the files that CERTIFICATE and KEY name."""
    found = dict(protected)
    for name, data in ((CERTIFICATE, CERTIFICATE_DATA), (KEY, KEY_DATA)):
        if name in pems:
            found[data] = base64.b64encode(pems[name]).decode()
    if RELAY_STRING in found:
        found[RELAY_STRING_TOO] = found[RELAY_STRING]
    return found


def relay_namespace(at: ClusterId) -> str:
    """The name of the Azure Relay that Azure's CLI makes for a cluster, so that both find the same one."""
    name = f"{at.name}-{at.subscription_id}-{at.resource_group}-relay"
    plain = "".join(letter for letter in name if letter.isalnum())
    if len(plain) <= LONGEST_RELAY:
        return plain
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:DIGEST]
    return plain[: LONGEST_RELAY - DIGEST] + digest

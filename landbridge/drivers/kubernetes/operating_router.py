"""The inference router of Azure ML's extension, as the cluster has it. Reads only."""

from landbridge.domain.azure.router import DEPLOYMENT, LEGACY, SERVICE, Inside
from landbridge.drivers.kubernetes.cluster import SECRETS, SERVICES, Cluster, Kind, Object
from landbridge.drivers.kubernetes.traffic import DEPLOYMENTS

SCALERS = Kind("autoscaling/v2", "horizontalpodautoscalers")


def read_router(own: Cluster, default: Cluster, secret: str) -> Inside | None:
    """None: there is none. `own`, `default`: the cluster in namespaces azureml and default; `secret`: "" = do not look."""
    found = own.find(DEPLOYMENTS, DEPLOYMENT)
    if found is None:
        return None
    service = own.find(SERVICES, SERVICE)
    kept = own.find(SECRETS, secret) if secret else None
    return Inside(
        int(found["spec"].get("replicas") or 0),
        int((found.get("status") or {}).get("readyReplicas") or 0),
        str((service or {"spec": {}})["spec"].get("type") or "") if service else "",
        _addresses(service or {}),
        bool(own.items(SCALERS)),
        default.find(DEPLOYMENTS, LEGACY) is not None,
        tuple(sorted(kept.get("data") or {})) if kept else None,
    )


def _addresses(service: Object) -> tuple[str, ...]:
    given = (service.get("status") or {}).get("loadBalancer") or {}
    outer = [str(one.get("ip") or one.get("hostname") or "") for one in given.get("ingress") or ()]
    inner = str((service.get("spec") or {}).get("clusterIP") or "")
    if (service.get("spec") or {}).get("type") == "LoadBalancer":
        return tuple(filter(None, outer))
    return (inner,) if inner and inner != "None" else ()

"""An inventory with two targets in one namespace, and one that is alone, for tests of `landbridge ops`."""

from pathlib import Path
from typing import Any

from landbridge.domain.inventory import Inventory
from landbridge.files.inventory import load_inventory

INVENTORY = """
name: two-teams
sites:
  onprem:
    kind: onprem
    registry: {driver: mlflow, uri: "http://10.9.0.5:5000"}
    network:
      private: true
      endpoints: {images: "https://images.example.test", local: "http://127.0.0.1:9"}
datastores:
  plant: {site: onprem, url: "s3://plant", options: {endpoint_url: "http://minio.store.svc:9000"}}
targets:
  train:
    site: onprem
    driver: kubernetes
    roles: [train]
    cluster: leipzig
    capacity: {cpu: 8, memory: 32Gi, gpu: 1}
    options: &team
      namespace: team-a
      context: leipzig
      artifacts: s3://artifacts/team-a
      storage: {endpoint_url: "http://10.9.0.7:9000"}
    instance_types:
      - name: cpu
        resources: {requests: {cpu: 700m, memory: 1500Mi}, limits: {cpu: 2, memory: 4Gi}}
      - name: gpu
        node_selector: {accelerator: a30}
        resources: {limits: {cpu: 4, memory: 16Gi, nvidia.com/gpu: 1}}
  serve:
    site: onprem
    driver: kubernetes
    roles: [serve]
    cluster: leipzig
    capacity: {cpu: 4, memory: 8Gi}
    options:
      <<: *team
      gateway: edge/main
      operations:
        pod_security: baseline
        quota: {pods: 40}
        egress: [{to: 10.1.0.0/16, ports: [443]}, {to: proxy.example.test, ports: [3128]}]
        ingress_namespaces: [envoy-gateway-system]
        see_nodes: true
  alone:
    site: onprem
    driver: kubernetes
    roles: [train]
    options: {namespace: team-b}
environments:
  - {name: "serving@*", image: "images.example.test/serve:1", targets: [serve]}
  - {name: "*", image: "images.example.test/train:1"}
"""


def inventory(folder: Path, text: str = INVENTORY) -> Inventory:
    path = folder / "inventory.yaml"
    path.write_text(text)
    return load_inventory(path, str(folder / "home"))


def resolve(host: str) -> tuple[str, ...]:
    """A name server that knows two names."""
    return {"images.example.test": ("10.9.0.8",), "proxy.example.test": ("10.9.0.9", "fd00::9")}.get(host, ())


def node(name: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A node as the API server tells it."""
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {key: more[key] for key in ("taints", "unschedulable") if key in more},
        "status": {
            "allocatable": {"cpu": "8", "memory": "64Gi", "nvidia.com/gpu": "1", **more.get("allocatable", {})},
            "conditions": [{"type": "Ready", "status": more.get("ready", "True")}],
        },
    }

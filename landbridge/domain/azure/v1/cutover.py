"""What stands beside the fields: capabilities side by side, dates, and the steps from the old service to the new one.

Sources: https://learn.microsoft.com/azure/machine-learning/how-to-attach-kubernetes-anywhere (capabilities, dates),
https://learn.microsoft.com/azure/machine-learning/migrate-to-v2-deploy-endpoints,
https://github.com/Azure/AML-Kubernetes/blob/master/docs/attach-compute-on-aks-v1-cluster.md (both on one cluster).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shlex import quote

from landbridge.domain.azure.v1.draft import ComputeDraft, ModelRef, ServiceDraft

CAPABILITIES: tuple[tuple[str, str, str], ...] = (
    ("CLI and SDK v1", "yes", "no"),
    ("CLI and SDK v2", "no", "yes"),
    ("training", "no", "yes"),
    ("online inference", "yes", "yes"),
    ("batch inference", "no", "yes"),
    ("new features for online inference", "none", "yes"),
    ("clusters outside Azure (Arc)", "no", "yes"),
    ("attachments of one cluster", "one", "many, one namespace each"),
    ("authentication", "key, token, none", "key, token; never none"),
    ("models of one deployment", "many", "one; a folder may hold many"),
    ("certificate made by Microsoft", "yes", "no"),
    ("readiness probe", "no", "yes"),
    ("mirrored traffic", "no", "no, on Kubernetes"),
    ("versions behind one address", "AksEndpoint", "deployments with traffic in percent"),
)
"""(capability, AksCompute, KubernetesCompute)"""

DATES: tuple[tuple[str, str], ...] = (
    ("2025-03-31", "SDK v1 is deprecated"),
    ("2025-09-30", "support of CLI v1 ended"),
    ("2026-06-30", "support of SDK v1 ends"),
)
LEGACY: tuple[str, ...] = (
    "kubectl delete --namespace default serviceaccount azureml-fe",
    "kubectl delete clusterrolebinding azureml-fe-binding",
    "kubectl delete clusterrole azureml-fe-role",
    "kubectl delete --namespace default service azureml-fe azureml-fe-int-http",
    "kubectl delete --namespace default deployment azureml-fe",
    "kubectl delete --namespace default secret azuremlfessl",
    "kubectl delete --namespace default configmap azuremlfeconfig",
)
"""What AksCompute leaves in namespace `default`; the extension refuses to install beside it (E45004, E45005)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: why, and the commands in order."""

    title: str
    why: str
    commands: tuple[str, ...] = ()


def steps(services: Sequence[ServiceDraft], computes: Sequence[ComputeDraft], types: bool) -> tuple[Step, ...]:
    """Old is blue, new is green: the old service answers until the very end, and going back is one change of address."""
    found = [*_cluster(computes, types), *_models(services)]
    for draft in services:
        found += _service(draft)
    return (*found, *_move(services), *_end(computes))


def _cluster(computes: Sequence[ComputeDraft], types: bool) -> Iterator[Step]:
    save = "kubectl get secret --namespace default azuremlfessl -o yaml > azuremlfessl.yaml"
    yield Step("Save what is deleted later", "The certificate of the old router is nowhere else.", (save,))
    why = (
        "Best on another cluster. On the same one, either with an interruption (remove the old services and what "
        "AksCompute left, see the last step, then install), or side by side (preview): the first command, and "
        "scoringFe.enableUpgrade: true in extension.yaml; v2's namespace must be another one than v1's."
    )
    yield Step(
        "Choose the cluster",
        why,
        ("kubectl annotate --namespace default deployment azureml-fe azureml-fe-enable-upgrade=true",),
    )
    plans = tuple(f"landbridge ops extension plan computes/{item.old_name}/extension.yaml" for item in computes)
    yield Step("Install the extension", "Run the command that the plan prints.", plans)
    attach = tuple(f"az ml compute attach --file computes/{item.old_name}/compute.yml" for item in computes)
    yield Step("Attach the compute", "Under a new name; its namespace must exist.", attach)
    if types:
        yield Step("Make instance types", "The default one is too small.", ("kubectl apply -f instance-types.yaml",))


def _models(services: Sequence[ServiceDraft]) -> Iterator[Step]:
    for draft in services:
        for deployment in draft.deployments:
            if len(deployment.models) > 1:
                why = "v2 takes one model: the folder holds all, laid out as v1 laid them out."
                yield Step(f"Bundle the models of {draft.name}", why, _bundle(draft.name, deployment.models))


def bundle_name(endpoint: str) -> str:
    return f"{endpoint}-models"


def _bundle(endpoint: str, models: Sequence[ModelRef]) -> tuple[str, ...]:
    root = f"{endpoint}/models"
    found = []
    for model in models:
        version = f"--version {quote(model.version)}" if model.version else "--label latest"
        kept = f"{root}/{model.name}/{model.version or 'latest'}"
        place, fetched = quote(f"{root}/{model.name}"), quote(f"{endpoint}/download/{model.name}")
        found.append(f"az ml model download --name {quote(model.name)} {version} --download-path {endpoint}/download")
        found.append(f"mkdir -p {place} && mv {fetched} {quote(kept)}")
    name = bundle_name(endpoint)
    return (*found, f"az ml model create --name {name} --version 1 --type custom_model --path {root}")


def _service(draft: ServiceDraft) -> Iterator[Step]:
    create = [f"az ml online-endpoint create --file {draft.name}/endpoint.yml"]
    create += [f"az ml online-deployment create --file {draft.name}/{item.name}.yml" for item in draft.deployments]
    yield Step(f"Make {draft.name}", "Without traffic: nobody calls it yet.", tuple(create))
    invoke = [
        f"az ml online-endpoint invoke --name {draft.name} --deployment-name {item.name} --request-file sample.json"
        for item in draft.deployments
    ]
    why = "Send what clients send, to the old and the new one, and compare the answers."
    yield Step(f"Try {draft.name}", why, tuple(invoke))
    traffic = " ".join(f"{item.name}={item.traffic_percent or 0}" for item in draft.deployments)
    command = f'az ml online-endpoint update --name {draft.name} --traffic "{traffic}"'
    yield Step(f"Give {draft.name} its traffic", "Within the endpoint; clients still call v1.", (command,))


def _move(services: Sequence[ServiceDraft]) -> Iterator[Step]:
    why = (
        "The address and the keys are new. Move clients in steps, such as 10, 50 and 100 percent by the weights of a "
        "gateway or of DNS, and watch errors and times at each. Going back is the old address: v1 still serves."
    )
    show = tuple(f"az ml online-endpoint show --name {item.name} --query scoring_uri" for item in services)
    keys = tuple(f"az ml online-endpoint get-credentials --name {item.name}" for item in services)
    yield Step("Move the clients", why, (*show, *keys))


def _end(computes: Sequence[ComputeDraft]) -> Iterator[Step]:
    why = (
        "When nobody has called v1 for as long as you would go back: delete its services, detach the compute (deleting one "
        "that Azure ML made deletes the cluster), then delete what it left in namespace default."
    )
    detach = tuple(f"az ml compute detach --name {item.old_name}" for item in computes)
    yield Step("Clear v1 away", why, (*detach, *LEGACY))

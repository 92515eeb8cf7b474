"""How a v1 service scales, what it may use, and who may call it: into the fields of v2."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from landbridge.domain.azure.v1.account import Account, Breach, Outcome, show
from landbridge.domain.azure.v1.twins import SCALING, TWINS, Default, breach, claim, number, settle, value
from landbridge.domain.values import Json, Resources

DEFAULT_TYPE = Resources(2000, 2 << 30)  # limits of defaultinstancetype
_MEBIBYTE = 1 << 20
_CPU_V1, _MEMORY_V1 = 0.1, 0.5  # cores, GB
_OFF = "has no effect while autoscaling is off; v1 did not heed it either"


@dataclass(slots=True)
class Found:
    """What one part of a description gives. Filled by the functions below."""

    fields: dict[str, Json] = field(default_factory=dict)
    defaults: list[Default] = field(default_factory=list)
    breaches: list[Breach] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)

    def take(self, item: tuple[str, int | bool] | Default | Breach) -> None:
        if isinstance(item, Default):
            self.defaults.append(item)
        elif isinstance(item, Breach):
            self.breaches.append(item)
        else:
            self.fields[item[0]] = item[1]


def settings(account: Account, found: Found) -> None:
    """Requests, liveness, Application Insights: what has the same meaning in both."""
    for twin in TWINS:
        for item in settle(account, twin):
            found.take(item)
    note = "v1 has no readiness probe; v2 gives no requests to a pod before it is ready"
    found.defaults.append(Default("readiness_probe", "none", "every 10 s after 10 s, 30 failures", note))


def scale(account: Account, found: Found) -> None:
    """A fixed number of replicas, or autoscaling, which is v1's default when no number is given."""
    enabled, replicas = value(account, "autoscale_enabled"), number(account, "num_replicas", 1)
    if isinstance(replicas, Breach):
        found.breaches.append(replicas)
        return
    if enabled is True or (enabled is None and replicas is None):
        _autoscale(account, found)
    elif replicas is None:
        hint = "Add numReplicas, or switch autoscaling on."
        found.breaches.append(
            breach(account, "autoscale_enabled", "Autoscaling is off, but numReplicas is missing.", hint)
        )
    else:
        _fixed(account, found, int(replicas))


def _autoscale(account: Account, found: Found) -> None:
    claim(account, "autoscale_enabled", Outcome.WRITTEN, "scale_settings.type: target_utilization")
    note = "autoscaling decides the number; v1's SDK refuses both together"
    claim(account, "num_replicas", Outcome.NO_TWIN, note=note)
    found.fields["scale_settings.type"] = "target_utilization"
    for twin in SCALING:
        for item in settle(account, twin):
            found.take(item)
    least, most = (found.fields.get(f"scale_settings.{name}_instances") for name in ("min", "max"))
    least, most = least or 1, most or 1
    if isinstance(least, int) and isinstance(most, int) and least > most:
        hint = "Raise maxReplicas, or lower minReplicas."
        found.breaches.append(breach(account, "autoscale_min_replicas", "minReplicas is more than maxReplicas.", hint))


def _fixed(account: Account, found: Found, replicas: int) -> None:
    claim(account, "autoscale_enabled", Outcome.WRITTEN, "scale_settings.type: default")
    claim(account, "num_replicas", Outcome.WRITTEN, "instance_count")
    for twin in SCALING:
        claim(account, twin.name, Outcome.NO_TWIN, note=_OFF)
    found.fields["instance_count"] = replicas
    found.fields["scale_settings.type"] = "default"


def resources(account: Account, found: Found) -> Resources | None:
    """Requests and limits; an instance type when the default one is too small."""
    cpu, memory = _amount(account, found, "cpu_cores"), _amount(account, found, "memory_gb")
    most_cpu, most_memory = _amount(account, found, "cpu_cores_limit"), _amount(account, found, "memory_gb_limit")
    gpus = _gpus(account, found)
    if found.breaches:
        return None
    requests = Resources(_millicores(cpu or _CPU_V1), _bytes(memory or _MEMORY_V1))
    for name, v1, written in (("cpu", f"{_CPU_V1} cores", cpu), ("memory", f"{_MEMORY_V1} GB", memory)):
        note = "written: as the file says" if written else "written: v1's default"
        found.defaults.append(Default(f"resources.requests.{name}", v1, "as the instance type", note))
    limits = Resources(_millicores(most_cpu or cpu or _CPU_V1), _bytes(most_memory or memory or _MEMORY_V1), gpus)
    for name, least, most in (
        ("cpu_cores_limit", requests.cpu_millicores, limits.cpu_millicores),
        ("memory_gb_limit", requests.memory_bytes, limits.memory_bytes),
    ):
        if least > most:
            what = f"`{name}` is less than `{name.removesuffix('_limit')}`."
            found.breaches.append(breach(account, name, what, "Raise the limit, as v1's SDK demands."))
    if most_cpu is None or most_memory is None:
        note = "v1's SDK takes the request for the limit; raise it when the pods were faster than that"
        found.defaults.append(Default("resources.limits", "as the requests", "as the instance type", note))
    found.fields["resources"] = {"requests": _written(requests), "limits": _written(limits)}
    return None if limits.fits_into(DEFAULT_TYPE) else limits


def access(account: Account, found: Found) -> None:
    """Who may call: `auth_mode` of the endpoint."""
    key, token = value(account, "auth_enabled"), value(account, "token_auth_enabled")
    for name, said in (("auth_enabled", key), ("token_auth_enabled", token)):
        if said is not None and not isinstance(said, bool):
            message = f"`{name}`: expected true or false, got {show(said)}."
            found.breaches.append(breach(account, name, message, "Write true or false."))
    if key is True and token is True:
        message = "Key and token authentication are both on; v1's SDK refuses that."
        found.breaches.append(breach(account, "token_auth_enabled", message, "Keep one of the two."))
    mode = "aml_token" if token is True else "key"
    found.fields["auth_mode"] = mode
    open_to_all = key is False and token is not True
    note = "v2 has no endpoint without authentication: clients must send a key" if open_to_all else ""
    claim(
        account,
        "auth_enabled",
        Outcome.CHANGED if open_to_all else Outcome.WRITTEN,
        f"endpoint: auth_mode: {mode}",
        note,
    )
    claim(account, "token_auth_enabled", Outcome.WRITTEN, f"endpoint: auth_mode: {mode}")
    for name in ("primary_key", "secondary_key"):
        note = "keys are made anew; read them with `az ml online-endpoint get-credentials`"
        claim(account, name, Outcome.NO_TWIN, note=note)
    if open_to_all:
        found.todo.append("Give the clients a key: v1 let everybody call, v2 does not.")


def collection(account: Account, found: Found) -> None:
    """Collected data: v1's score.py named what, v2 takes requests and answers."""
    if value(account, "collect_model_data") is True:
        on: dict[str, Json] = {"enabled": "true"}
        found.fields["data_collector"] = {"collections": {"request": dict(on), "response": dict(on)}}
        note = "v1 collected what score.py gave ModelDataCollector; v2 takes whole requests and answers"
        claim(account, "collect_model_data", Outcome.CHANGED, "data_collector", note)
        found.todo.append(
            "For single values, use azureml-ai-monitoring's Collector in score.py in place of ModelDataCollector."
        )
    else:
        claim(account, "collect_model_data", Outcome.WRITTEN, "no data_collector")
    account.claim(("dataCollection", "eventHubEnabled"), Outcome.NO_TWIN, note="v2 collects into storage alone")
    note = "v2 always fetches the model with its storage initialiser"
    claim(account, "blobfuse_enabled", Outcome.NO_TWIN, note=note)


def instance_type_name(limits: Resources) -> str:
    """Names a size: services of one size share it."""
    name = f"cpu-{limits.cpu_millicores}m-{limits.memory_bytes // _MEBIBYTE}mi"
    return f"{name}-gpu-{limits.gpus}" if limits.gpus else name


def instance_type(limits: Resources) -> dict[str, Json]:
    """An InstanceType object; what a deployment asks for stands in the deployment."""
    most = _written(Resources(limits.cpu_millicores, limits.memory_bytes))
    gpus: dict[str, Json] = {"nvidia.com/gpu": limits.gpus} if limits.gpus else {}
    return {
        "metadata": {"name": instance_type_name(limits)},
        "spec": {"resources": {"requests": dict(most), "limits": most | gpus}},
    }


def whole_percents(shares: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers with the same sum, 0 or 100; the largest remainders are rounded up."""
    total = sum(shares.values())
    if total <= 0:
        return dict.fromkeys(shares, 0)
    exact = {name: share * 100 / total for name, share in shares.items()}
    floors = {name: int(share) for name, share in exact.items()}
    missing = 100 - sum(floors.values())
    for name in sorted(exact, key=lambda name: (floors[name] - exact[name], name))[:missing]:
        floors[name] += 1
    return floors


def _amount(account: Account, found: Found, name: str) -> float | None:
    amount = number(account, name, 0, whole=False)
    if isinstance(amount, Breach):
        found.breaches.append(amount)
        return None
    field_name = "limits" if name.endswith("_limit") else "requests"
    memory = name.startswith("memory")
    note = "GB is written as GiB, which is never less" if memory else ""
    claim(account, name, Outcome.WRITTEN, f"resources.{field_name}.{'memory' if memory else 'cpu'}", note)
    return amount


def _gpus(account: Account, found: Found) -> int:
    gpus = number(account, "gpu_cores", 0)
    if isinstance(gpus, Breach):
        found.breaches.append(gpus)
        return 0
    note = "needs an instance type with GPUs, which is written too" if gpus else ""
    claim(account, "gpu_cores", Outcome.WRITTEN, 'resources.limits."nvidia.com/gpu"' if gpus else "no GPUs", note)
    account.claim(("containerResourceRequirements", "fpga"), Outcome.NO_TWIN, note="Kubernetes computes have no FPGAs")
    return int(gpus or 0)


def _millicores(cores: float) -> int:
    return max(1, round(cores * 1000))


def _bytes(gigabytes: float) -> int:
    return max(1, round(gigabytes * 1024)) * _MEBIBYTE


def _written(amounts: Resources) -> dict[str, Json]:
    """As Kubernetes and the SDK's schema take it: texts."""
    written: dict[str, Json] = {
        "cpu": f"{amounts.cpu_millicores}m",
        "memory": f"{amounts.memory_bytes // _MEBIBYTE}Mi",
    }
    return {**written, "nvidia.com/gpu": str(amounts.gpus)} if amounts.gpus else written

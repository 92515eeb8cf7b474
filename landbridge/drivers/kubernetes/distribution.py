"""Jobs of several instances: an Indexed Job, a headless Service for names, and the variables that frameworks meet by. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from landbridge.domain.job import CommandJob
from landbridge.domain.plan import Finding, FindingKind
from landbridge.domain.values import Json

MASTER_PORT = 29500  # PyTorch's own default
TENSORFLOW_PORT = 2222
ONE_PROCESS = "With one process the command is started once, without a launcher."


@dataclass(frozen=True, slots=True)
class Layout:
    """How many instances (pods) a job has, and processes in each. `roles`: TensorFlow's tasks by role."""

    kind: str = ""
    instances: int = 1
    processes: int = 1
    roles: dict[str, int] = field(default_factory=dict)

    @property
    def is_distributed(self) -> bool:
        """Whether processes are told of each other. A script for PyTorch reads its rank also when it is alone."""
        return self.instances > 1 or self.kind == "pytorch"


def layout(job: CommandJob) -> Layout:
    """What becomes of the job's `distribution` and `instance_count`."""
    kind = str(job.distribution.get("type", "")).lower()
    instances = max(1, job.resources.instance_count)
    if kind == "pytorch":
        return Layout(kind, instances, max(1, _count(job.distribution.get("process_count_per_instance"), 1)))
    if kind == "tensorflow":
        servers = _count(job.distribution.get("parameter_server_count"), 0)
        workers = _count(job.distribution.get("worker_count"), instances - servers)
        return Layout(kind, instances, 1, {"worker": workers, "ps": servers} if servers else {"worker": workers})
    return Layout(kind, instances)


def distribution_findings(job: CommandJob) -> Iterator[Finding]:
    """What cannot be done, and why."""
    if not job.distribution:
        if job.resources.instance_count > 1:
            detail = (
                f"{job.resources.instance_count} instances run the same command, told apart by JOB_COMPLETION_INDEX."
            )
            yield Finding("resources.instance_count", FindingKind.NOTE, detail)
        return
    made = layout(job)
    kind = str(job.distribution.get("type", "?"))
    if made.kind == "mpi":
        yield from _mpi(job)
    elif made.kind == "tensorflow" and sum(made.roles.values()) != made.instances:
        tasks = " and ".join(f"{count} {role}" for role, count in made.roles.items())
        detail = f"{tasks} for {made.instances} instances; each instance is one task."
        yield Finding(
            "distribution",
            FindingKind.REFUSED,
            detail,
            "Make worker_count + parameter_server_count the instance_count.",
        )
    elif made.kind == "tensorflow" and not made.is_distributed:
        yield Finding("distribution", FindingKind.SUBSTITUTED, f"tensorflow: {ONE_PROCESS}")
    elif made.kind not in {"pytorch", "tensorflow"}:
        detail = f"{kind} needs an operator that starts its head and workers; this driver has none."
        yield Finding(
            "distribution", FindingKind.REFUSED, detail, "Use pytorch or tensorflow, or a target that runs it."
        )


def _mpi(job: CommandJob) -> Iterator[Finding]:
    if job.resources.instance_count > 1 or _count(job.distribution.get("process_count_per_instance"), 1) > 1:
        detail = "mpi starts its ranks over SSH or a process manager, which no pod of a plain Job has."
        hint = "Use pytorch or tensorflow, or one process; or a target whose service runs mpi."
        yield Finding("distribution", FindingKind.REFUSED, detail, hint)
    else:
        yield Finding("distribution", FindingKind.SUBSTITUTED, f"mpi: {ONE_PROCESS}")


def rendezvous_variables(made: Layout, service: str, pod: str) -> dict[str, str]:
    """What each pod is told; the runner adds the ranks, which follow from the pod's index.

    Args:
        service: the headless Service.
        pod: the host names are `<pod>-<index>`.
    """
    if not made.is_distributed:
        return {}
    hosts = [f"{pod}-{index}.{service}" for index in range(made.instances)]
    variables = {"LANDBRIDGE_INSTANCES": str(made.instances), "LANDBRIDGE_HOSTS": ",".join(hosts)}
    if made.kind == "pytorch":
        master = hosts[0] if made.instances > 1 else "127.0.0.1"
        variables |= {"LANDBRIDGE_DISTRIBUTION": "pytorch", "LANDBRIDGE_PROCESSES": str(made.processes)}
        variables |= {"MASTER_ADDR": master, "MASTER_PORT": str(MASTER_PORT)}
    if made.kind == "tensorflow":
        variables |= {
            "LANDBRIDGE_DISTRIBUTION": "tensorflow",
            "LANDBRIDGE_TF_CLUSTER": json.dumps(_cluster(made, hosts)),
        }
    return variables


def _cluster(made: Layout, hosts: list[str]) -> dict[str, list[str]]:
    addresses = iter(f"{host}:{TENSORFLOW_PORT}" for host in hosts)
    return {role: [next(addresses) for _ in range(count)] for role, count in made.roles.items()}


def _count(value: Json, default: int) -> int:
    return int(value) if isinstance(value, int | float | str) and value != "" else default

"""Which fields of a command job one process on one machine cannot honour, and what stands in for them.

The environment is not judged here: the inventory's `environments` decide what becomes of it, before a driver is asked.
"""

from collections.abc import Iterator

from landbridge.domain.inventory import Target
from landbridge.domain.job import CommandJob, JobInput, JobOutput
from landbridge.domain.plan import Finding, FindingKind
from landbridge.domain.values import Json
from landbridge.drivers.findings import no_such_type, of_elsewhere, of_further, of_no_target, refused

INPUT_MODES = {
    "ro_mount": "given as the path where it lies; nothing keeps the job from writing to it.",
    "download": "given as the path where it lies; a job that writes to it writes to the data, not to a copy.",
    "direct": "the command gets a path, not a URI.",
}
OUTPUT_MODES = frozenset({"", "rw_mount", "upload"})  # one and the same: what the job writes is where it stays
PROCESS_COUNTS = ("process_count_per_instance", "worker_count", "parameter_server_count")


def findings(job: CommandJob, target: Target) -> tuple[Finding, ...]:
    """One finding per field of `job` that is set and not honoured as written."""
    return (
        *of_elsewhere(job),
        *_several_processes(job),
        *_container(job),
        *_resources(job, target),
        *_around(job),
        *(finding for item in job.inputs.values() for finding in _input(item)),
        *(finding for output in job.outputs.values() for finding in _output(output)),
    )


def _several_processes(job: CommandJob) -> Iterator[Finding]:
    hint = "Choose a target with more nodes, or train in one process."
    if job.resources.instance_count > 1:
        yield refused("resources.instance_count", f"{job.resources.instance_count} nodes; a local target is one.", hint)
    if (job.resources.max_instance_count or 1) > 1:
        detail = "The job may grow to more nodes; here it stays on one."
        yield Finding("resources.max_instance_count", FindingKind.NOTE, detail)
    if job.distribution:
        kind = str(job.distribution.get("type", "?"))
        counts = (job.resources.instance_count, *(job.distribution.get(key) for key in PROCESS_COUNTS))
        if kind.lower() == "ray" or any(map(_more_than_one, counts)):
            yield refused("distribution", f"{kind} wants more than one process; a local job is one.", hint)
        else:
            detail = f"{kind} with one process: the command is started once, without a launcher."
            yield Finding("distribution", FindingKind.SUBSTITUTED, detail)


def _more_than_one(count: Json) -> bool:
    return isinstance(count, int | float) and count > 1


def _container(job: CommandJob) -> Iterator[Finding]:
    if job.resources.docker_args:
        detail = f"{' '.join(job.resources.docker_args)}: a local job runs in no container."
        yield refused("resources.docker_args", detail, "Remove docker_args, or choose a target that runs containers.")
    if job.resources.shm_size:
        detail = f"{job.resources.shm_size}: a local job shares the machine's memory, which no container limits."
        yield Finding("resources.shm_size", FindingKind.NOTE, detail)


def _resources(job: CommandJob, target: Target) -> Iterator[Finding]:
    wanted = job.resources.instance_type
    known = [kind.name for kind in target.instance_types]
    if wanted and wanted not in known:
        yield no_such_type("resources.instance_type", wanted, target.name, known)
    elif wanted:
        detail = f"{wanted}: placement counts it, but its limits are not enforced; the job shares this machine."
        yield Finding("resources.instance_type", FindingKind.NOTE, detail)


def _around(job: CommandJob) -> Iterator[Finding]:
    for name in job.services:
        detail = "A local job opens no interactive service."
        yield refused(f"services.{name}", detail, "Remove it, or choose a target that has it.")
    if job.identity:
        detail = f"{job.identity.get('type', 'identity')}: the job runs as the operating system's user of landbridge."
        yield Finding("identity", FindingKind.SUBSTITUTED, detail)
    if job.queue_settings:
        detail = "There is no queue here: a job starts at once and is never preempted."
        yield Finding("queue_settings", FindingKind.NOTE, detail)
    yield from of_no_target(job)


def _input(item: JobInput) -> Iterator[Finding]:
    where = f"inputs.{item.name}"
    if item.mode in INPUT_MODES:
        yield Finding(f"{where}.mode", FindingKind.SUBSTITUTED, f"{item.mode}: {INPUT_MODES[item.mode]}")
    elif item.mode:
        detail = f"{item.mode}: an input is given as a path and may only be read."
        yield refused(f"{where}.mode", detail, "Use ro_mount or download; write to an output.")
    yield from of_further(where, item.options)


def _output(output: JobOutput) -> Iterator[Finding]:
    where = f"outputs.{output.name}"
    if output.mode == "direct":
        detail = "direct: the command gets a path, not a URI."
        yield Finding(f"{where}.mode", FindingKind.SUBSTITUTED, detail)
    elif output.mode not in OUTPUT_MODES:
        yield refused(f"{where}.mode", f"{output.mode} is not possible here.", "Use rw_mount or upload.")
    if output.path:
        detail = f"{output.path}: an output stays in the job's own directory."
        yield refused(f"{where}.path", detail, "Remove it, and take the output from the job's directory.")
    yield from of_further(where, output.options)

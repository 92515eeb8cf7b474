"""What becomes of each field of a command job on a cluster: honoured, replaced, without effect, or refused. Asks nobody.

The environment is not judged here: the inventory's `environments` decide what becomes of it, before a driver is asked.
"""

import re
from collections.abc import Iterator

from landbridge.domain.inventory import Target
from landbridge.domain.job import CommandJob, JobInput, JobOutput
from landbridge.domain.plan import Finding, FindingKind
from landbridge.drivers.findings import no_such_type, of_elsewhere, of_further, of_no_target, refused
from landbridge.drivers.kubernetes.distribution import distribution_findings
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.pod_template import DEFAULT_TYPE

INPUT_MODES = {
    "ro_mount": "copied into the pod before it starts, and mounted read-only; not read lazily.",
    "direct": "the command gets a path in the pod, not a URI.",
}
OUTPUT_MODES = {
    "rw_mount": "a folder in the pod, sent to the site's artifact store when the command has succeeded.",
    "direct": "the command gets a path in the pod, not a URI.",
}
MOST_OUTPUTS = 24  # the digests of more do not fit into a termination message
_SHM = re.compile(r"[1-9][0-9]*[bkmg]", re.IGNORECASE)


def findings(job: CommandJob, target: Target, options: KubernetesOptions) -> tuple[Finding, ...]:
    """One finding per field of `job` that is set and not honoured as written."""
    return (
        *_store(options, target),
        *of_elsewhere(job),
        *distribution_findings(job),
        *_resources(job, target),
        *_around(job, options),
        *(finding for item in job.inputs.values() for finding in _input(item)),
        *_outputs(job),
    )


def _store(options: KubernetesOptions, target: Target) -> Iterator[Finding]:
    if not options.artifacts:
        detail = "The target has no artifact store, by which code and data reach its pods and models come back."
        yield refused("target", detail, f"Add `artifacts: s3://bucket/prefix` under targets.{target.name}.options.")


def _resources(job: CommandJob, target: Target) -> Iterator[Finding]:
    asked = job.resources
    known = [kind.name for kind in target.instance_types]
    if asked.instance_type and asked.instance_type not in {*known, DEFAULT_TYPE}:
        yield no_such_type("resources.instance_type", asked.instance_type, target.name, known)
    if (asked.max_instance_count or 1) > asked.instance_count:
        detail = f"The number of instances stays at {asked.instance_count}: a Job of Kubernetes does not grow."
        yield Finding("resources.max_instance_count", FindingKind.NOTE, detail)
    if asked.docker_args:
        detail = f"{' '.join(asked.docker_args)}: pods are not started by Docker."
        yield refused("resources.docker_args", detail, "Remove docker_args; `overrides` of the target patch its pods.")
    if asked.shm_size and not _SHM.fullmatch(asked.shm_size):
        yield refused("resources.shm_size", f"{asked.shm_size} is no size.", "Write it as 512m or 2g.")


def _around(job: CommandJob, options: KubernetesOptions) -> Iterator[Finding]:
    for name in job.services:
        detail = "A pod of a training job opens no interactive service."
        yield refused(f"services.{name}", detail, "Remove it, or use `kubectl port-forward` and `exec` while it runs.")
    if job.identity:
        account = options.service_account or "default"
        kind = job.identity.get("type", "identity")
        detail = f"{kind}: the pod runs as the namespace's service account {account!r}, without its token."
        yield Finding("identity", FindingKind.SUBSTITUTED, detail)
    if job.queue_settings:
        named = [f"queue {options.queue!r}"] if options.queue else []
        named += [f"priority class {options.priority_class!r}"] if options.priority_class else []
        detail = (
            f"The target's {' and '.join(named) or 'scheduler'} decides; `queue` and `priority_class` are its options."
        )
        yield Finding("queue_settings", FindingKind.SUBSTITUTED, detail)
    yield from of_no_target(job)


def _input(item: JobInput) -> Iterator[Finding]:
    where = f"inputs.{item.name}"
    if item.mode in INPUT_MODES:
        yield Finding(f"{where}.mode", FindingKind.SUBSTITUTED, f"{item.mode}: {INPUT_MODES[item.mode]}")
    elif item.mode not in ("", "download"):
        detail = f"{item.mode}: an input is a folder in the pod, and what is written to it goes nowhere."
        yield refused(f"{where}.mode", detail, "Use ro_mount or download; write to an output.")
    yield from of_further(where, item.options)


def _outputs(job: CommandJob) -> Iterator[Finding]:
    if len(job.outputs) > MOST_OUTPUTS:
        detail = f"{len(job.outputs)} outputs; at most {MOST_OUTPUTS} can be told apart by digest at the end of a pod."
        yield refused("outputs", detail, "Write several things into one folder.")
    for output in job.outputs.values():
        yield from _output(output)


def _output(output: JobOutput) -> Iterator[Finding]:
    where = f"outputs.{output.name}"
    if output.mode in OUTPUT_MODES:
        yield Finding(f"{where}.mode", FindingKind.SUBSTITUTED, f"{output.mode}: {OUTPUT_MODES[output.mode]}")
    elif output.mode not in ("", "upload"):
        yield refused(f"{where}.mode", f"{output.mode} is not possible here.", "Use rw_mount or upload.")
    if output.path:
        detail = f"{output.path}: an output goes to the site's artifact store."
        yield refused(f"{where}.path", detail, "Remove it, and take the output from the job.")
    yield from of_further(where, output.options)

"""What becomes of each field of a command job in a workspace. Nearly all is honoured: it is the service that published them.

Asks nobody; so what depends on the kind of the compute is judged by the option `kind`, and told as a possibility without it.
"""

from collections.abc import Callable, Iterator, Mapping

from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.job import CommandJob, JobInput, JobOutput
from landbridge.domain.plan import Finding, FindingKind
from landbridge.drivers.azureml.blobs import spot_of
from landbridge.drivers.azureml.job_body import INPUT_MODES, MOUNTED_INSTEAD, OUTPUT_MODES
from landbridge.drivers.azureml.options import AzureOptions, ComputeKind
from landbridge.drivers.findings import no_such_type, of_code, of_further, of_scenario, refused

HONOURED_INPUT_KEYS = frozenset({"description"})
HONOURED_OUTPUT_KEYS = frozenset({"description", "name", "version"})
PREVIEWS: Mapping[str, Callable[[CommandJob], bool]] = {
    "queue_settings": lambda job: bool(job.queue_settings),
    "distribution.type": lambda job: job.distribution.get("type") == "ray",
}
"""What the SDK calls experimental of all that a job can say, and whether a job says it."""
_SENT_OF_ENVIRONMENTS = frozenset({"description", "tags", "properties", "os_type", "inference_config"})


def findings(job: CommandJob, target: Target, inventory: Inventory, options: AzureOptions) -> tuple[Finding, ...]:
    """One finding per field of `job` that is set and not honoured as written."""
    return (
        *of_code(job),
        *_environment(job, target, inventory),
        *_resources(job, target, options),
        *of_scenario(job),
        *_previews(job),
        *(Finding(key, FindingKind.NOTE, "Azure ML says it of a job; nobody can set it.") for key in job.extra),
        *_services(job),
        *(finding for item in job.inputs.values() for finding in _input(item, options)),
        *(finding for output in job.outputs.values() for finding in _output(output, target, inventory)),
    )


def _environment(job: CommandJob, target: Target, inventory: Inventory) -> Iterator[Finding]:
    said, entry = job.environment, inventory.environment(job.environment.label, target.name)
    if entry is not None:
        if entry.python:
            detail = "A Python of this machine; a workspace runs images and environments."
            yield refused("environment", detail, f"Add an entry with `image:` for {target.name} in front of it.")
        return
    if said.build.get("args"):
        yield refused(
            "environment.build.args", "Azure ML builds images without arguments.", "Write ARG with a default."
        )
    for key in said.options:
        if key in _SENT_OF_ENVIRONMENTS or (key == "datastore" and said.build.get("path")):
            continue
        if key in {"name", "version"}:
            detail = (
                "What is written inline is registered under the digest of its content; the same is registered once."
            )
            yield Finding(f"environment.{key}", FindingKind.SUBSTITUTED, detail)
        else:
            detail = "It is for a build folder." if key == "datastore" else "Azure ML says it of an environment."
            yield Finding(f"environment.{key}", FindingKind.NOTE, f"{detail} It has no effect here.")


def _resources(job: CommandJob, target: Target, options: AzureOptions) -> Iterator[Finding]:
    asked, kind = job.resources, options.compute_kind
    known = [one.name for one in target.instance_types]
    if asked.instance_type and known and asked.instance_type not in known:
        yield no_such_type("resources.instance_type", asked.instance_type, target.name, known)
    elif asked.instance_type and kind is ComputeKind.AML:
        detail = f"{asked.instance_type}: all machines of compute {options.compute} are of one size."
        yield Finding("resources.instance_type", FindingKind.SUBSTITUTED, detail)
    if asked.locations and kind is not ComputeKind.SERVERLESS:
        detail = f"{', '.join(asked.locations)}: the region is that of compute {options.compute}."
        yield Finding("resources.locations", FindingKind.SUBSTITUTED, detail)
    if asked.docker_args and kind is ComputeKind.KUBERNETES:
        detail = f"{' '.join(asked.docker_args)}: pods are not started by Docker."
        yield refused("resources.docker_args", detail, "Remove docker_args.")


def _previews(job: CommandJob) -> Iterator[Finding]:
    for field, is_used in PREVIEWS.items():
        if is_used(job):
            yield Finding(field, FindingKind.NOTE, "A preview of Azure ML: without guarantee, above all on Kubernetes.")


def _services(job: CommandJob) -> Iterator[Finding]:
    for name, service in job.services.items():
        for key in ("status", "error_message") if isinstance(service, dict) else ():
            if service.get(key):  # type: ignore[union-attr]  # a mapping, by the line above
                yield Finding(
                    f"services.{name}.{key}", FindingKind.NOTE, "Azure ML says it of a service; nobody sets it."
                )


def _input(item: JobInput, options: AzureOptions) -> Iterator[Finding]:
    where = f"inputs.{item.name}"
    if item.mode in MOUNTED_INSTEAD:
        yield from _downloaded(where, item.mode, options.compute_kind)
    elif item.mode and item.mode not in INPUT_MODES:
        yield refused(f"{where}.mode", f"{item.mode}: an input may only be read.", "Use ro_mount; write to an output.")
    yield from of_further(where, {key: one for key, one in item.options.items() if key not in HONOURED_INPUT_KEYS})


def _downloaded(where: str, mode: str, kind: ComputeKind) -> Iterator[Finding]:
    instead = MOUNTED_INSTEAD[mode]
    if kind is ComputeKind.KUBERNETES:
        detail = f"{mode}: {instead}, since a Kubernetes compute of Azure ML cannot download inputs."
        yield Finding(f"{where}.mode", FindingKind.SUBSTITUTED, detail)
    elif kind is ComputeKind.ASK:
        detail = f"{mode}: {instead} if the compute is a Kubernetes one, which cannot download inputs."
        yield Finding(f"{where}.mode", FindingKind.NOTE, detail)


def _output(output: JobOutput, target: Target, inventory: Inventory) -> Iterator[Finding]:
    where = f"outputs.{output.name}"
    if output.mode and output.mode not in OUTPUT_MODES:
        yield refused(f"{where}.mode", f"{output.mode} is not possible here.", "Use rw_mount or upload.")
    if output.path:
        yield from _output_path(where, output.path, target, inventory)
    yield from of_further(where, {key: one for key, one in output.options.items() if key not in HONOURED_OUTPUT_KEYS})


def _output_path(where: str, path: str, target: Target, inventory: Inventory) -> Iterator[Finding]:
    spot = spot_of(path)
    if spot is None:
        hint = "Write azureml://datastores/<store>/paths/<path>, or remove it."
        yield refused(f"{where}.path", f"{path} is no path in a datastore.", hint)
        return
    store = inventory.datastores.get(spot.store)
    if store is not None and store.site != target.site:
        detail = f"{path}: datastore {spot.store} is at site {store.site}, the job at {target.site}."
        yield refused(f"{where}.path", detail, "Remove it, and take the output from the job.")

"""What the scenario's batch deployment (`endpoint.batch`) says of a scoring: honoured, or named with what stands in for it."""

from collections.abc import Iterator
from pathlib import Path

from landbridge.domain.azure.batch import BatchDeployment, predictions_digest
from landbridge.domain.plan import Finding, FindingKind
from landbridge.domain.scoring import ScoringOrder
from landbridge.domain.values import ModelVersion
from landbridge.drivers.findings import FOR_READERS
from landbridge.files.batch import load_for_scoring
from landbridge.operations import probing
from landbridge.operations.story import Story, code_digest

OF_THE_SCRIPT = {
    "mini_batch_size": "each file is scored by itself, in batches of rows, and one that fails costs nothing else",
    "retry_settings": "a file is tried once; limits.timeout of the job bounds all of them together",
    "max_concurrency_per_instance": "one process scores file after file",
    "output_action": "the predictions of each file are written beside the summary",
    "output_file_name": "each file has its own <file>.predictions.csv",
    "logging_level": "the log has a line per file",
}
JOB_KEYS = frozenset({"shm_size", "docker_args", "locations", "properties"})  # of `resources`, as a job has them


def load(story: Story) -> BatchDeployment | None:
    """The deployment that the scenario names, read anew; None where it names none.

    Raises:
        InputError: every fault of the file, with file and line.
    """
    path = story.scenario.endpoint.batch
    return load_for_scoring(Path(path)) if path else None


def threshold_of(order: ScoringOrder, deployment: BatchDeployment | None) -> int:
    """How many files may fail: the order's word, else the deployment's, which is Azure's own where it is silent."""
    if order.error_threshold is not None:
        return order.error_threshold
    return deployment.settings.error_threshold if deployment else 0


def digest_of(story: Story, deployment: BatchDeployment | None) -> str:
    """What the deployment adds to the key of a scoring; "" where there is none."""
    if deployment is None:
        return ""
    code = code_digest(deployment.code) if deployment.scoring_script else ""
    return predictions_digest(deployment, code, model_folder(story, deployment))


def model_folder(story: Story, deployment: BatchDeployment) -> str:
    """The folder of AZUREML_MODEL_DIR where a script looks for the model."""
    return deployment.model_folder or story.scenario.model.output


def findings(
    story: Story, target: str, version: ModelVersion, deployment: BatchDeployment, order: ScoringOrder
) -> tuple[Finding, ...]:
    """Everything that the file says and the scoring does not have as written. `story`: with the scoring's own job."""
    own = {"environment": deployment.environment, "resources": deployment.options.get("resources")}
    of_job = (item for item in probing.findings(story, target) if own.get(item.field.split(".")[0]))
    return (*_decided_elsewhere(version, deployment, order), *_of_script(deployment), *_idle(deployment), *of_job)


def _decided_elsewhere(version: ModelVersion, deployment: BatchDeployment, order: ScoringOrder) -> Iterator[Finding]:
    model = deployment.model if isinstance(deployment.model, str) else deployment.model.get("name") or "inline"
    own = {
        "endpoint_name": f"{deployment.endpoint}: the scoring is a job; no endpoint is made.",
        "name": f"{deployment.name}: scenario, model and data name the scoring; no deployment is made.",
        "model": f"{model}: version {version.version} of {version.model} scores, from the scenario's registry.",
        "compute": f"{deployment.compute}: placement chose this target instead.",
    }
    if deployment.instance_count > 1:
        own["resources.instance_count"] = f"{deployment.instance_count}: one instance scores all files."
    of_file = deployment.settings.error_threshold
    if "error_threshold" in deployment.said and order.error_threshold not in {None, of_file}:
        own["error_threshold"] = f"{of_file}: --error-threshold says {order.error_threshold}."
    for field, detail in own.items():
        yield Finding(field, FindingKind.SUBSTITUTED, detail)


def _of_script(deployment: BatchDeployment) -> Iterator[Finding]:
    """Settings that only a script has a use for."""
    for field in () if deployment.scoring_script else sorted(deployment.said & OF_THE_SCRIPT.keys()):
        detail = f"It has no effect without code_configuration: {OF_THE_SCRIPT[field]}."
        yield Finding(field, FindingKind.NOTE, detail)


def _idle(deployment: BatchDeployment) -> Iterator[Finding]:
    for field in ("description", "tags"):
        if getattr(deployment, field):
            yield Finding(field, FindingKind.NOTE, FOR_READERS)
    resources = deployment.options.get("resources")
    further = sorted(set(resources) - JOB_KEYS) if isinstance(resources, dict) else []
    for field in (*sorted(deployment.options.keys() - {"resources"}), *(f"resources.{key}" for key in further)):
        yield Finding(field, FindingKind.NOTE, "It has no meaning for a scoring that is a job.")

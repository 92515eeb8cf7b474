"""What Azure is told of a batch endpoint, a deployment of it, and an invocation: pure functions.

Every setting is written out. A deployment is named by its content, so it never changes: another version, variable or
machine is another deployment.

Source: the stable API version 2023-10-01 for endpoints and deployments (tests/azure/specs); for invocations, what azure-ai-ml
1.35 sends, and https://learn.microsoft.com/azure/machine-learning/how-to-access-data-batch-endpoints-jobs
"""

from typing import Any

from landbridge.domain.digests import digest_value, short
from landbridge.domain.requests import BatchOrder
from landbridge.drivers.azureml.blobs import Spot
from landbridge.drivers.azureml.options import Place
from landbridge.drivers.azureml.serving_bodies import DIGEST, MODEL, TAG_LENGTH, TARGET, VERSION, duration

Object = dict[str, Any]

PREDICTIONS = "predictions.csv"
FOLDER = "landbridge-scoring"  # of the datastore; below it a folder for each job
DIGEST_LETTERS = 12
VERSION_DIGITS = 9
RETRIES = 3  # Azure's own number
LONGEST_TRY_SECONDS = 30 * 24 * 3600  # as long as Azure lets a job run


def new_endpoint(target: str, location: str) -> Object:
    """An endpoint without deployments. Azure knows its callers by Microsoft Entra alone."""
    return {"location": location, "tags": {TARGET: target}, "properties": {"authMode": "AADToken", "properties": {}}}


def deployment(order: BatchOrder, target: str, location: str, assets: tuple[str, str]) -> Object:
    """A model version on a compute, as one deployment.

    A mini batch is one file: Azure counts a mini batch that fails as failed files, all of it.

    Args:
        assets: identifiers of model and compute.
    """
    model, compute = assets
    seconds = min(order.timeout_seconds or LONGEST_TRY_SECONDS, LONGEST_TRY_SECONDS)
    resources: Object = {"instanceCount": 1}
    if order.instance_type:
        resources["instanceType"] = order.instance_type
    properties: Object = {
        "model": {"referenceType": "Id", "assetId": model},
        "compute": compute,
        "resources": resources,
        "environmentVariables": dict(order.environment_variables),
        "errorThreshold": -1,
        "loggingLevel": "Info",
        "maxConcurrencyPerInstance": 1,
        "miniBatchSize": 1,
        "outputAction": "AppendRow",
        "outputFileName": PREDICTIONS,
        "retrySettings": {"maxRetries": RETRIES, "timeout": duration(round(1000 * seconds))},
        "properties": {},
    }
    told = {TARGET: target, MODEL: order.model, VERSION: order.version, DIGEST: order.model_digest}
    tags = {key: value[:TAG_LENGTH] for key, value in told.items()}
    return {"location": location, "tags": tags, "properties": properties}


def deployment_name(order: BatchOrder, compute: str) -> str:
    """Of all that decides what runs; the version's number comes first where it is one, so that people find it."""
    content = deployment(order, "", "", (order.model_digest or order.model_url, compute))["properties"]
    number = order.version if order.version.isdecimal() and len(order.version) <= VERSION_DIGITS else ""
    return f"v{number}-{short(digest_value(content), DIGEST_LETTERS)}"


def output_spot(store: str, name: str) -> Spot:
    """The folder where a job leaves its predictions. Each job has its own: Azure writes over no file."""
    return Spot(store, f"{FOLDER}/{name}/")


def invocation(order: BatchOrder, place: Place, data: str, output: Spot) -> Object:
    """The request for a job. Azure may ignore the name; the experiment's it keeps."""
    kind = "UriFile" if order.is_file else "UriFolder"
    target = f"azureml:{place.id}/datastores/{output.store}/paths/{output.path}{PREDICTIONS}"
    properties: Object = {
        "name": order.name,
        "inputData": {"data": {"jobInputType": kind, "uri": data}},
        "outputData": {"score": {"jobOutputType": "UriFile", "uri": target}},
        "errorThreshold": order.error_threshold,
        "properties": {"experimentName": order.name},
    }
    return {"properties": properties}

"""Batch endpoints and deployments; an invocation is a job that really scores the files it is given."""

import copy
import json
import shlex
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double import batch_driver
from tests.azure.double.arm import nothing
from tests.azure.double.job_run import JobRun
from tests.azure.double.login import Login
from tests.azure.double.ml_deployments import PER_ENDPOINT
from tests.azure.double.ml_endpoints import NAME, refuse_busy
from tests.azure.double.ml_jobs import Jobs
from tests.azure.double.places import PROVIDER
from tests.azure.double.uris import locate
from tests.azure.double.wire import ArmError, Handlers, Json, NoRouteError, bad_request, body, part, said
from tests.azure.double.world import World

SCORE = "score"
WAITING = frozenset({"NotStarted", "Queued", "Preparing"})
_TYPES = {
    "urifile": "uri_file",
    "urifolder": "uri_folder",
    "mlflowmodel": "mlflow_model",
    "custommodel": "custom_model",
}
DEFAULTS: Mapping[str, Json] = {
    "errorThreshold": -1,
    "loggingLevel": "Info",
    "maxConcurrencyPerInstance": 1,
    "miniBatchSize": 10,
    "outputAction": "AppendRow",
    "outputFileName": "predictions.csv",
    "retrySettings": {"maxRetries": 3, "timeout": "PT30S"},
    "environmentVariables": {},
    "properties": {},
}


@dataclass(slots=True)
class Parent:
    """The pipeline job that Azure shows for an invocation; its one child does the work."""

    resource: dict[str, Json]
    child: JobRun

    @property
    def name(self) -> str:
        return str(self.resource["name"])

    @property
    def status(self) -> str:
        """A pipeline runs while its child waits for room."""
        return "Running" if self.child.status in WAITING else self.child.status

    @property
    def error(self) -> dict[str, Json] | None:
        return self.child.error

    @property
    def started(self) -> str:
        return self.child.started

    @property
    def ended(self) -> str:
        return self.child.ended

    async def cancel(self) -> None:
        await self.child.cancel()


class Batch:
    """ARM's side, and the invocations at the endpoints' hosts."""

    def __init__(self, world: World, jobs: Jobs, login: Login) -> None:
        self._world, self._jobs, self._login = world, jobs, login
        self.names_jobs_itself = False
        """Whether the name that an invocation asks for is ignored: Azure/azure-sdk-for-python issue 32763 says so."""

    def routes(self) -> Mapping[str, Handlers]:
        workspace = (
            f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{PROVIDER}/workspaces/{{workspace}}"
        )
        base = f"{workspace}/batchEndpoints"
        deployments = f"{base}/{{endpoint}}/deployments"
        return {
            base: {"GET": self._list},
            f"{base}/{{endpoint}}": {"GET": self._get, "PUT": self._put, "DELETE": self._delete},
            deployments: {"GET": self._list},
            f"{deployments}/{{name}}": {"GET": self._get, "PUT": self._put_deployment, "DELETE": self._delete},
        }

    def data_routes(self) -> Mapping[str, Handlers]:
        """At the region's services: the invocations of an endpoint or of one deployment."""
        workspace = (
            f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{PROVIDER}/workspaces/{{workspace}}"
        )
        base = f"/mferp/managementfrontend{workspace}/batchEndpoints/{{endpoint}}"
        return {f"{base}/jobs": {"GET": self._jobs_of}, f"{base}/deployments/{{name}}/jobs": {"GET": self._jobs_of}}

    async def invoke(self, request: Request) -> Response:
        """POST https://{endpoint}.{region}.inference.ml.azure.com/jobs."""
        name = request.headers["host"].partition(".")[0]
        if (request.scope["path"], request.method) != ("/jobs", "POST"):
            raise NoRouteError(f"{request.method} {request.url}")
        self._login.check(request, self._world.places.cloud.ml)
        endpoint = self._world.resources.get(self._world.ml("batchEndpoints", name))
        given = (await body(request)).get("properties", {})
        default = (endpoint["properties"].get("defaults") or {}).get("deploymentName")
        chosen = request.headers.get("azureml-model-deployment") or default
        if not chosen:
            raise bad_request("The endpoint has no default deployment, and the request names none.")
        deployment = self._world.resources.get(self._world.ml("batchEndpoints/deployments", name, chosen))
        return JSONResponse(_job_shown(self._start(deployment, given)), 201)

    async def _jobs_of(self, request: Request) -> Response:
        scope = self._world.ml(
            "batchEndpoints/deployments", part(request, "endpoint"), str(request.path_params.get("name", ""))
        )
        wanted = f"{scope.rstrip('/')}/".lower()
        runs = (run for run in self._jobs.runs.values() if isinstance(run, Parent))
        found = [run for run in runs if f"{run.resource['deployment']}/".lower().startswith(wanted)]
        return JSONResponse({"value": [_job_shown(run) for run in found]})

    async def _list(self, request: Request) -> Response:
        return JSONResponse({"value": self._world.resources.children(request.scope["path"])})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._world.resources.get(request.scope["path"]))

    async def _delete(self, request: Request) -> Response:
        refuse_busy(self._world, request.scope["path"])
        return self._world.arm.delete(request, request.scope["path"], nothing)

    async def _put(self, request: Request) -> Response:
        name, given, places = part(request, "endpoint"), await body(request), self._world.places
        if not NAME.fullmatch(name):
            raise bad_request(f"The endpoint name {name!r} must have 3 to 32 letters, digits and dashes.")
        refuse_busy(self._world, request.scope["path"])
        properties = said(given.get("properties"))
        wanted = (properties.get("defaults") or {}).get("deploymentName")
        if wanted and self._world.resources.find(f"{request.scope['path']}/deployments/{wanted}") is None:
            raise bad_request(f"The default deployment {wanted} does not exist.")
        base = f"https://{name.lower()}{places.inference_suffix}"
        addresses = {"scoringUri": f"{base}/jobs", "swaggerUri": f"{base}/swagger.json"}
        resource = self._resource(("batchEndpoints",), (name,), given)
        resource["properties"] = {
            "properties": {},
            "defaults": {"deploymentName": None},
            **properties,
            "authMode": "AADToken",
            **addresses,
        }
        return self._world.arm.make(request, resource, nothing)

    async def _put_deployment(self, request: Request) -> Response:
        endpoint, name, given = part(request, "endpoint"), part(request, "name"), await body(request)
        path = self._world.ml("batchEndpoints", endpoint)
        if self._world.resources.find(path) is None:
            raise ArmError(404, "ParentResourceNotFound", f"The endpoint {endpoint} was not found.")
        refuse_busy(self._world, path)
        others = {one["name"] for one in self._world.resources.children(f"{path}/deployments")} - {name}
        if len(others) >= PER_ENDPOINT:
            raise bad_request(f"An endpoint has at most {PER_ENDPOINT} deployments.", "OutOfQuota")
        properties = said(given.get("properties"))
        model = (properties.get("model") or {}).get("assetId", "")
        for what, asset in (("compute", properties.get("compute", "")), ("model", model)):
            if self._world.resources.find(asset) is None:
                raise bad_request(f"The {what} {asset!r} was not found.")
        if not properties.get("codeConfiguration") and not self._is_mlflow(model):
            raise bad_request("A model that is not MLflow's needs a codeConfiguration and an environmentId.")
        resource = self._resource(("batchEndpoints", "deployments"), (endpoint, name), given)
        resource["properties"] = {**copy.deepcopy(dict(DEFAULTS)), **properties}
        return self._world.arm.make(request, resource, nothing)

    def _is_mlflow(self, model: str) -> bool:
        return bool(self._world.resources.get(model)["properties"]["modelType"] == "mlflow_model")

    def _resource(self, kinds: tuple[str, ...], names: tuple[str, ...], given: Mapping[str, Json]) -> dict[str, Json]:
        kind = "/".join(kinds)
        made = {"id": self._world.ml(kind, *names), "name": names[-1], "type": f"{PROVIDER}/workspaces/{kind}"}
        return {**made, "location": self._world.places.region, "tags": given.get("tags") or {}}

    def _start(self, deployment: Mapping[str, Json], given: Mapping[str, Json]) -> Parent:
        name = f"batchjob-{uuid.uuid4()}" if self.names_jobs_itself else given.get("name") or f"batchjob-{uuid.uuid4()}"
        if name in self._jobs.runs:
            raise ArmError(409, "Conflict", f"A job named {name} already exists.")
        child = self._jobs.start(self._child(f"{name}-scoring", deployment, given))
        tags = {"azureml.batchrun": "true", "azureml.deploymentname": deployment["name"]}
        inputs = {key: _asset(one, "jobInputType") for key, one in (given.get("inputData") or {}).items()}
        properties = {
            "jobType": "Pipeline",
            "displayName": name,
            "experimentName": (given.get("properties") or {}).get("experimentName") or deployment["id"].split("/")[-3],
            "tags": tags,
        }
        fixed = {"isArchived": False, "properties": {}, "jobs": {}, "settings": {}, "inputs": inputs, "outputs": {}}
        resource = {
            "id": self._world.ml("jobs", name),
            "name": name,
            "type": f"{PROVIDER}/workspaces/jobs",
            "properties": {**fixed, **properties, "services": child.resource["properties"]["services"]},
        }
        self._world.resources.put(resource)
        child.resource["parent"] = name
        parent = Parent({**resource, "deployment": deployment["id"]}, child)
        self._jobs.runs[name] = parent
        return parent

    def _child(self, name: str, deployment: Mapping[str, Json], given: Mapping[str, Json]) -> dict[str, Json]:
        properties, settings = deployment["properties"], {**deployment["properties"], **given}
        data = next(iter((given.get("inputData") or {}).values()), None)
        if data is None:
            raise bad_request("The request names no inputData.")
        code = properties.get("codeConfiguration") or {}
        model = properties["model"]["assetId"]
        order = {
            "script": code.get("scoringScript", ""),
            "model": "${{inputs.model}}",
            "model_name": locate(self._world, model).name,
            "data": "${{inputs.data}}",
            "output": f"${{{{outputs.{SCORE}}}}}",
            "file_name": settings["outputFileName"],
            "mini_batch_size": settings["miniBatchSize"],
            "error_threshold": settings["errorThreshold"],
            "max_retries": settings["retrySettings"]["maxRetries"],
            "action": properties["outputAction"],
        }
        output = next(iter((given.get("outputData") or {}).values()), None)
        score = {"jobOutputType": "uri_folder"} | ({"uri": output["uri"]} if output and output.get("uri") else {})
        if output and _TYPES.get(str(output["jobOutputType"]).lower()) == "uri_file":
            score["uri"], _, order["file_name"] = output["uri"].rpartition("/")
            place = locate(self._world, output["uri"])
            if place.path in self._world.blobs.names(place.container, place.path):
                raise bad_request(f"The output {output['uri']} exists, and is not written over.")
        return self._jobs.resource(
            name,
            {
                "jobType": "Command",
                "command": f"python {Path(batch_driver.__file__)} {shlex.quote(json.dumps(order))}",
                "codeId": code.get("codeId"),
                "environmentId": properties.get("environmentId")
                or "azureml://registries/azureml/environments/mlflow/versions/1",
                "computeId": properties["compute"],
                "environmentVariables": properties["environmentVariables"],
                "inputs": {
                    "model": {"jobInputType": "custom_model", "uri": model},
                    "data": _asset(data, "jobInputType"),
                },
                "outputs": {SCORE: score},
            },
        )


def _asset(one: Mapping[str, Json], key: str) -> dict[str, Json]:
    """The old spelling of the invocation's types (UriFolder) in that of jobs (uri_folder)."""
    kind = str(one[key])
    return {**one, key: _TYPES.get(kind.lower(), kind.lower())}


def _job_shown(parent: Parent) -> dict[str, Json]:
    properties = {"status": parent.status, "tags": parent.resource["properties"]["tags"]}
    return {**{key: parent.resource[key] for key in ("id", "name", "type", "systemData")}, "properties": properties}

"""The services of a region, `{region}.api.azureml.ms`: discovery, run history, where outputs lie, and MLflow."""

from collections.abc import Mapping

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.job_run import LOGS
from tests.azure.double.login import Login
from tests.azure.double.ml_jobs import Jobs, Run
from tests.azure.double.places import PROVIDER
from tests.azure.double.uris import run_folder
from tests.azure.double.wire import Handlers, Json, Routes, body, part
from tests.azure.double.world import ARTIFACTS, World

_SCOPE = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{PROVIDER}/workspaces/{{workspace}}"
_HOP = {"host", "content-length", "transfer-encoding", "connection", "authorization", "accept-encoding"}
_DATA_TYPES = ("uri_file", "uri_folder", "mltable")
_MODEL_TYPES = {"mlflow_model": "MLFlowModel", "custom_model": "CustomModel", "triton_model": "TritonModel"}


class Api:
    """All of them are asked with a token, but for discovery."""

    def __init__(self, world: World, login: Login, jobs: Jobs, more: Mapping[str, Handlers]) -> None:
        self._world, self._login, self._jobs = world, login, jobs
        self._mlflow = httpx.AsyncClient(timeout=60, trust_env=False)
        self._open = Routes({"/discovery": {"GET": self._discovery}})
        self._routes = Routes({**self._table(), **more})

    def _table(self) -> Mapping[str, Handlers]:
        history = f"/history/v1.0{_SCOPE}"
        run = f"{history}/runs/{{run}}"
        forward = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), self._forward)
        return {
            f"{run}/details": {"GET": self._details},
            f"{run}/children": {"GET": self._children},
            run: {"GET": self._run, "PATCH": self._patch},
            f"{history}/experiments/{{experiment}}/runs/{{run}}": {"PATCH": self._patch},
            f"{history}/rundata": {"POST": self._data},
            f"/data/v1.0{_SCOPE}/dataversion/batchGetResolvedUris": {"POST": self._data_uris},
            f"/modelregistry/v1.0{_SCOPE}/models/batchGetResolvedUris": {"POST": self._model_uris},
            f"/mlflow/{{version}}{_SCOPE}/{{rest:path}}": forward,
        }

    async def __call__(self, request: Request) -> Response:
        if request.scope["path"] == "/discovery":
            return await self._open(request)
        self._login.check(request, self._world.places.cloud.management, self._world.places.cloud.ml)
        return await self._routes(request)

    async def stop(self) -> None:
        await self._mlflow.aclose()

    async def _discovery(self, request: Request) -> Response:
        base = f"https://{self._world.places.api_host}"
        names = ("api", "history", "experimentation", "modelmanagement", "pipelines", "studio", "catalog", "mlflow")
        return JSONResponse(dict.fromkeys(names, base))

    async def _run(self, request: Request) -> Response:
        return JSONResponse(self._described(self._jobs.run(part(request, "run"))))

    async def _details(self, request: Request) -> Response:
        run = self._jobs.run(part(request, "run"))
        value = self._described(run)
        container, prefix = self._world.container(ARTIFACTS), f"{run_folder(run.name)}/"
        logs = [name[len(prefix) :] for name in self._world.blobs.names(container, f"{prefix}{LOGS}/")]
        host = self._world.places.blob_host
        value["logFiles"] = {
            name: f"https://{host}/{container}/{prefix}{name}?{self._world.sas(container)}" for name in logs
        }
        return JSONResponse(value)

    async def _children(self, request: Request) -> Response:
        parent = part(request, "run")
        self._jobs.run(parent)
        found = [run for run in self._jobs.runs.values() if run.resource.get("parent") == parent]
        return JSONResponse({"value": [self._described(run) for run in found]})

    async def _patch(self, request: Request) -> Response:
        run, given = self._jobs.run(part(request, "run")), await body(request)
        properties = run.resource["properties"]
        for key, name in (("displayName", "displayName"), ("description", "description"), ("hidden", "isArchived")):
            if given.get(key) is not None:
                properties[name] = given[key]
        for key in ("tags", "properties"):
            properties[key] = {**properties[key], **(given.get(key) or {})}
        return JSONResponse(self._described(run))

    async def _data(self, request: Request) -> Response:
        run = self._jobs.run((await body(request))["runId"])
        return JSONResponse({"runMetadata": {**self._described(run), "outputs": self._outputs(run)}})

    async def _data_uris(self, request: Request) -> Response:
        values = {one: {"uri": self._uri(one), "type": "uri_folder"} for one in (await body(request)).get("values", [])}
        return JSONResponse({"values": values})

    async def _model_uris(self, request: Request) -> Response:
        values = {
            one: {"path": self._uri(one), "modelType": "custom"} for one in (await body(request)).get("values", [])
        }
        return JSONResponse({"values": values})

    async def _forward(self, request: Request) -> Response:
        """To the real MLflow server, without Azure's own prefix."""
        if not self._world.mlflow_url:
            return JSONResponse({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "The double has no MLflow."}, 503)
        url = f"{self._world.mlflow_url}/{part(request, 'rest')}"
        headers = {name: value for name, value in request.headers.items() if name not in _HOP}
        content, query = await request.body(), request.url.query
        answer = await self._mlflow.request(
            request.method, f"{url}?{query}" if query else url, content=content, headers=headers
        )
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    def _described(self, run: Run) -> dict[str, Json]:
        properties = run.resource["properties"]
        value: dict[str, Json] = {
            "runId": run.name,
            "runUuid": run.name,
            "rootRunId": run.name,
            "experimentId": properties["experimentName"],
            "status": run.status,
            "displayName": properties["displayName"],
            "name": properties["displayName"],
            "target": (properties.get("computeId") or "serverless").rpartition("/")[2],
            "createdUtc": run.resource["systemData"]["createdAt"],
            "tags": properties["tags"],
            "properties": properties["properties"],
            "runType": "azureml.scriptrun",
            "warnings": [],
        }
        times = {"startTimeUtc": run.started, "endTimeUtc": run.ended}
        value |= {key: time for key, time in times.items() if time}
        if run.error:
            value["error"] = {"error": run.error, "environment": self._world.places.region, "time": run.ended}
        return value

    def _outputs(self, run: Run) -> dict[str, Json]:
        """Named outputs, once the run has put them away."""
        named = {key: one for key, one in (run.resource["properties"].get("outputs") or {}).items() if key != "default"}
        if run.status != "Completed":
            return {}
        types = {**dict(zip(_DATA_TYPES, _DATA_TYPES, strict=True)), **_MODEL_TYPES}
        return {
            key: {"assetId": f"{run.name}/{key}", "type": types[one["jobOutputType"]]} for key, one in named.items()
        }

    def _uri(self, asset: str) -> str:
        job, _, output = asset.partition("/")
        short = str(self._jobs.run(job).resource["properties"]["outputs"][output]["uri"])
        places = self._world.places
        scope = (
            f"subscriptions/{places.subscription}/resourcegroups/{places.resource_group}/workspaces/{places.workspace}"
        )
        return short.replace("azureml://datastores/", f"azureml://{scope}/datastores/", 1)

"""Jobs over ARM: a PUT starts one, and its status is what its process says."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.job_run import ENDED, JobError, JobRun
from tests.azure.double.login import Login
from tests.azure.double.ml_assets import DATA, MODEL_TYPES, MODELS, SHOWN, Assets
from tests.azure.double.ml_computes import Computes
from tests.azure.double.places import PROVIDER
from tests.azure.double.uris import run_folder, store_uri
from tests.azure.double.wire import ArmError, Handlers, Json, bad_request, body, not_found, part, said
from tests.azure.double.world import BLOBSTORE, World

_FIXED = ("jobType", "command", "codeId", "environmentId", "computeId", "inputs", "experimentName")
NAME_LIMIT = 255


class Run(Protocol):
    """A job as its readers see it."""

    resource: dict[str, Json]

    @property
    def name(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def error(self) -> dict[str, Json] | None: ...
    @property
    def started(self) -> str: ...
    @property
    def ended(self) -> str: ...
    async def cancel(self) -> None: ...


class Jobs:
    """Runs by name. `environment` is what a process needs to reach the double."""

    def __init__(
        self, world: World, assets: Assets, computes: Computes, login: Login, environment: Mapping[str, str]
    ) -> None:
        self._world, self._assets, self._computes, self._login = world, assets, computes, login
        self._environment = environment
        self.runs: dict[str, Run] = {}

    def routes(self) -> Mapping[str, Handlers]:
        base = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{PROVIDER}/workspaces/{{workspace}}/jobs"
        return {
            base: {"GET": self._list},
            f"{base}/{{name}}": {"GET": self._get, "PUT": self._put, "DELETE": self._delete},
            f"{base}/{{name}}/cancel": {"POST": self._cancel},
        }

    def run(self, name: str) -> Run:
        """Raises ArmError 404."""
        if name not in self.runs:
            raise not_found(f"Run {name}")
        return self.runs[name]

    def start(self, resource: dict[str, Json]) -> JobRun:
        """Keep the job and let it run."""
        self._world.resources.put(resource)
        folder = Path(self._world.root) / "jobs" / resource["name"]
        properties = resource["properties"]
        environment = self._variables(properties)
        run = JobRun(self._world, resource, folder, lambda: self._has_room(properties), environment, self._register)
        self.runs[resource["name"]] = run
        run.start()
        return run

    async def stop(self) -> None:
        for run in self.runs.values():
            await run.cancel()

    def shown(self, resource: dict[str, Json]) -> dict[str, Json]:
        """As a GET answers it now."""
        value = copy.deepcopy(resource)
        value.pop("parent", None)  # known to the run history alone
        value["properties"]["status"] = self.run(resource["name"]).status
        return value

    async def _list(self, request: Request) -> Response:
        found = reversed(self._world.resources.children(request.scope["path"]))  # the newest first
        shown = SHOWN[request.query_params.get("listViewType", "All").lower()]
        kind = request.query_params.get("jobType", "")
        found = (one for one in found if kind in {"", one["properties"]["jobType"]})
        return JSONResponse({"value": [self.shown(one) for one in found if one["properties"]["isArchived"] in shown]})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self.shown(self._world.resources.get(request.scope["path"])))

    async def _put(self, request: Request) -> Response:
        name, given = part(request, "name"), (await body(request)).get("properties", {})
        if (old := self._world.resources.find(request.scope["path"])) is not None:
            return JSONResponse(self._update(old, given))
        self._check(name, given)
        properties = said(given)
        resource = self.resource(name, properties)
        self.start(resource)
        return JSONResponse(self.shown(resource), 201)

    async def _delete(self, request: Request) -> Response:
        name = part(request, "name")
        if name not in self.runs:
            return Response(status_code=204)

        async def work() -> None:
            await self.runs.pop(name).cancel()

        return self._world.arm.delete(request, request.scope["path"], work)

    async def _cancel(self, request: Request) -> Response:
        run = self.run(part(request, "name"))
        if run.status in ENDED:
            return Response(status_code=200)
        return self._world.arm.act(request, f"{request.scope['path']}", run.cancel)

    def _update(self, old: dict[str, Json], given: Mapping[str, Json]) -> dict[str, Json]:
        """A job is started once: a second PUT may change its words, nothing else."""
        changed = [key for key in _FIXED if given.get(key) is not None and given[key] != old["properties"].get(key)]
        if changed:
            raise bad_request(f"A job with this name already exists, and {', '.join(changed)} cannot be changed.")
        words = {
            key: given[key]
            for key in ("displayName", "description", "tags", "isArchived")
            if given.get(key) is not None
        }
        old["properties"] |= words
        return self.shown(self._world.resources.put(old))

    def _check(self, name: str, given: Mapping[str, Json]) -> None:
        if given.get("jobType") != "Command":
            raise bad_request(f"The double runs command jobs, not {given.get('jobType')!r}.")
        if len(name) > NAME_LIMIT:
            raise bad_request(f"The job name is longer than {NAME_LIMIT} characters.")
        for key, what in (("computeId", "compute"), ("environmentId", "environment"), ("codeId", "code")):
            asset = given.get(key)
            if asset and not self._assets.knows(asset):
                raise ArmError(400, "UserError", f"The specified {what} {asset} was not found.")
        if given.get("computeId"):
            self._check_type(self._world.resources.get(given["computeId"]), given.get("resources") or {})

    def _check_type(self, compute: dict[str, Json], resources: Mapping[str, Json]) -> None:
        types, wanted = self._computes.instance_types(compute), resources.get("instanceType")
        if types and wanted and wanted not in types:
            raise bad_request(
                f"The instance type {wanted} is not found on compute {compute['name']}: {', '.join(types)}."
            )

    def resource(self, name: str, properties: dict[str, Json]) -> dict[str, Json]:
        """The job as it is kept, with what the service adds."""
        defaults = {"displayName": name, "experimentName": "Default", "isArchived": False, "tags": {}, "properties": {}}
        outputs = {key: dict(one) for key, one in (properties.get("outputs") or {}).items() if one}
        for key, one in outputs.items():
            one.setdefault("mode", "ReadWriteMount")
            ending = "" if one["jobOutputType"] == "uri_file" else "/"
            uri = one.get("uri") or store_uri(BLOBSTORE, f"azureml/{name}/{key}{ending}")
            for expression, value in (("name", name), ("output_name", key), ("default_datastore", BLOBSTORE)):
                uri = uri.replace(f"${{{{{expression}}}}}", value)
            one["uri"] = uri
        default = f"azureml://datastores/workspaceartifactstore/{run_folder(name)}"
        outputs["default"] = {"jobOutputType": "uri_folder", "mode": "ReadWriteMount", "uri": default}
        studio = f"https://{self._world.places.cloud.ml}/runs/{name}?wsid={self._world.places.workspace_id}"
        services = {
            "Tracking": {
                "jobServiceType": "Tracking",
                "endpoint": f"azureml://{self._world.places.api_host}/mlflow/v1.0",
            },
            "Studio": {"jobServiceType": "Studio", "endpoint": studio},
        }
        made = {"id": self._world.ml("jobs", name), "name": name, "type": f"{PROVIDER}/workspaces/jobs"}
        return {**made, "properties": {**defaults, **properties, "outputs": outputs, "services": services}}

    def _register(self, job: dict[str, Json]) -> None:
        """Outputs that have a name become assets."""
        for key, one in job["properties"]["outputs"].items():
            if name := one.get("assetName"):
                kind = MODELS if one["jobOutputType"] in MODEL_TYPES else DATA
                type_key = "modelType" if kind is MODELS else "dataType"
                given = {kind.address: f"azureml://jobs/{job['name']}/outputs/{key}", type_key: one["jobOutputType"]}
                self._assets.keep(kind, (name, one.get("assetVersion") or self._assets.next_version(kind, name)), given)

    def _has_room(self, properties: Mapping[str, Json]) -> bool:
        """Raises JobError when the cluster behind the compute cannot run jobs at all."""
        compute_id = properties.get("computeId")
        if not compute_id:
            return True  # serverless
        compute = self._world.resources.find(compute_id)
        if compute is None:
            raise JobError("ComputeNotFound", "The compute was removed while the job waited.")
        if refusal := self._computes.refusal(compute, "training"):
            raise JobError(*refusal)
        return compute["name"] not in self._computes.full

    def _variables(self, properties: Mapping[str, Json]) -> dict[str, str]:
        """The way to the double; for tracking, an address with a token, as Azure has it for clients without its plug-in."""
        if not self._world.mlflow_url:
            return dict(self._environment)
        places = self._world.places
        address = f"https://{places.api_host}/mlflow/v1.0{places.workspace_id}"
        token = self._login.issue(places.management)
        tracking = {"MLFLOW_TRACKING_URI": address, "MLFLOW_TRACKING_TOKEN": token}
        return {**self._environment, **tracking, "MLFLOW_EXPERIMENT_NAME": str(properties["experimentName"])}

"""What the host asks of the Prefect server; the only module of the host that imports Prefect's client.

Import it after the environment says where the server is: Prefect reads its settings once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterId,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import OrchestrationResult, SetStateStatus
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow
from prefect.states import Pending
from prefect.types._datetime import now
from prefect.utilities.callables import parameter_schema
from pydantic import ValidationError

from landbridge.domain.errors import InputError, NotFoundError, TargetUnavailableError
from landbridge.domain.values import Json
from landbridge.host.environment import flows_module

OURS = "landbridge"  # tag of every deployment that this host runs, and the name of each flow's general one
UNFINISHED = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """A Prefect deployment. `cron` in UTC, "" = no schedule."""

    flow: str
    name: str
    parameters: Mapping[str, Json]
    cron: str = ""


class Orchestrator:
    """Our view of one Prefect server.

    Every method raises TargetUnavailableError when the server does not answer; the service is being restarted then.
    """

    def __init__(self, api_url: str, ui_url: str) -> None:
        self._client = PrefectClient(api_url, httpx_settings={"trust_env": False})
        self._ui = ui_url

    async def __aenter__(self) -> "Orchestrator":
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self._client.__aexit__(*exc)

    def url(self, flow_run_id: UUID | str) -> str:
        return f"{self._ui}/runs/flow-run/{flow_run_id}"

    async def deploy(self, flow: "Flow[..., Any]", spec: DeploymentSpec) -> UUID:
        """Ensure a deployment; its schedule and parameters become those of `spec`.

        Raises:
            InputError: the schedule cannot be read.
        """
        with _Reachable():
            flow_id = await self._client.create_flow_from_name(flow.name)
            return await self._client.create_deployment(
                flow_id,
                spec.name,
                version=flow.version,
                parameters=dict(spec.parameters),
                tags=[OURS],
                schedules=_schedules(spec),
                entrypoint=f"{flows_module()}.{spec.flow}",
                description=flow.description,
                parameter_openapi_schema=parameter_schema(flow).model_dump(mode="json"),
                enforce_parameter_schema=True,
                paused=False,
            )

    async def deployments(self) -> dict[UUID, str]:
        """Deployment → its flow's name, of those that carry our tag."""
        wanted = DeploymentFilter(tags=DeploymentFilterTags(all_=[OURS]))
        with _Reachable():
            found = await self._client.read_deployments(deployment_filter=wanted)
            names = {
                flow_id: (await self._client.read_flow(flow_id)).name for flow_id in {one.flow_id for one in found}
            }
        return {one.id: names[one.flow_id] for one in found}

    async def create(
        self, deployment: UUID, parameters: Mapping[str, Any], tags: Iterable[str], idempotency: str, at_once: bool
    ) -> FlowRun:
        """Create a run; `at_once`: as Pending, so that no poll takes it while its process starts."""
        with _Reachable():
            return await self._client.create_flow_run_from_deployment(
                deployment,
                parameters=dict(parameters),
                tags=list(tags),
                idempotency_key=idempotency or None,
                state=Pending() if at_once else None,
            )

    async def due(self, deployments: Iterable[UUID]) -> list[FlowRun]:
        """Runs of these deployments whose scheduled time has come. Only reads, so it may be asked every second."""
        wanted = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=list(deployments)),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=now("UTC")),
        )
        with _Reachable():
            return await self._client.read_flow_runs(flow_run_filter=wanted, limit=200)

    async def announce(self, deployments: Iterable[UUID]) -> None:
        """Tell the server that these deployments are served: the UI shows them as ready for a minute."""
        with _Reachable():
            await self._client.get_scheduled_flow_runs_for_deployments(list(deployments), limit=1)

    async def claim(self, flow_run_id: UUID) -> bool:
        """Move a due run to Pending; False when the server has other ideas (a limit, somebody cancelled it)."""
        with _Reachable():
            result: OrchestrationResult[Any] = await self._client.set_flow_run_state(flow_run_id, Pending())
            return result.status is SetStateStatus.ACCEPT

    async def end(self, flow_run_id: UUID, state: "State[Any]") -> None:
        """Put the run into this final state, whatever it was in. Silent when somebody deleted it."""
        with _Reachable():
            try:
                await self._client.set_flow_run_state(flow_run_id, state, force=True)
            except ObjectNotFound:
                return

    async def read(self, flow_run_id: UUID) -> FlowRun:
        with _Reachable():
            try:
                return await self._client.read_flow_run(flow_run_id)
            except ObjectNotFound as error:
                raise NotFoundError(f"No flow run {flow_run_id}.", "List the runs with `landbridge status`.") from error

    async def runs(
        self,
        deployments: Iterable[UUID] | None = None,
        ids: Iterable[UUID] | None = None,
        states: Iterable[StateType] | None = None,
        limit: int = 200,
    ) -> list[FlowRun]:
        """The newest first; None = whichever."""
        wanted = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=list(deployments)) if deployments is not None else None,
            id=FlowRunFilterId(any_=list(ids)) if ids is not None else None,
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))) if states is not None else None,
        )
        with _Reachable():
            sort = FlowRunSort.EXPECTED_START_TIME_DESC
            return await self._client.read_flow_runs(flow_run_filter=wanted, limit=limit, sort=sort)


def _schedules(spec: DeploymentSpec) -> list[DeploymentScheduleCreate]:
    if not spec.cron:
        return []
    try:
        cron = CronSchedule(cron=spec.cron, timezone="UTC")
    except ValidationError as error:
        raise InputError(
            f"Scenario {spec.name!r} has the schedule {spec.cron!r}, which is no cron expression.",
            "Write five fields in triggers.cron: minute, hour, day, month, weekday.",
        ) from error
    return [DeploymentScheduleCreate(schedule=cron, active=True)]


class _Reachable:
    """Translates the client's failures."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, httpx.HTTPStatusError) and error.response.is_client_error:
            raise InputError(
                f"The Prefect server refused the request: {error.response.text}",
                "Give the flow the parameters that it declares.",
            ) from error
        if isinstance(error, httpx.HTTPError):
            raise TargetUnavailableError(
                f"The Prefect server did not answer: {error or type(error).__name__}.",
                "Look at `landbridge doctor`; the host restarts a server that ended.",
            ) from error

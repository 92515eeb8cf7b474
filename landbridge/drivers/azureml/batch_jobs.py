"""Jobs of batch endpoints: invoked, found again, and read. Azure shows one as a pipeline, whose children do the work.

Users report that Azure ignores the name that an invocation asks for (Azure/azure-sdk-for-python issue 32763), and that one
call made many jobs (issue 31166). So a job is looked for by its name, and by its experiment, which is its name too and is
kept; an invocation is sent once; and of two jobs the older counts, for the younger finds the output file there and fails.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from landbridge.domain.errors import NotFoundError
from landbridge.domain.values import JobPhase, JobStatus
from landbridge.drivers.azureml.client import JOBS, Object, Request, Workspace, pages
from landbridge.drivers.azureml.errors import read_refusal, to_error
from landbridge.drivers.azureml.serving_asking import AUDIENCES, HEADER, token_for, unanswered
from landbridge.drivers.azureml.training_reading import HISTORY, read_run
from landbridge.drivers.azureml.training_state import FINAL, GOING, name_of, needs_run, reading, status_of

FRONT, INVOCATIONS = "mferp/managementfrontend", "2020-09-01-dataplanepreview"  # as azure-ai-ml 1.35 lists them
MOST_JOBS = 500  # of the newest, among which one is looked for by its experiment
INVOKE_SECONDS = 100.0  # Azure makes the job before it answers


def find_job(workspace: Workspace, name: str) -> Object | None:
    """The job that was invoked as `name`, whatever Azure calls it; None when there is none."""
    doing = f"reading job {name!r}"
    if found := workspace.find(f"jobs/{name}", JOBS, doing):
        return found
    listed = workspace.items("jobs", JOBS, doing, jobType="Pipeline", listViewType="ActiveOnly")
    fitting = [job for job in islice(listed, MOST_JOBS) if job["properties"].get("experimentName") == name]
    return fitting[-1] if fitting else None  # the newest come first


def invoke(workspace: Workspace, url: str, deployment: str, body: Object) -> None:
    """Send the request for a job, once.

    Raises:
        LandbridgeError: no answer, which may mean that there is a job all the same; or one that is no success.
    """
    import httpx

    doing = f"invoking {url}"
    headers = {"Authorization": f"Bearer {token_for(workspace, url)}", HEADER: deployment}
    try:
        response = httpx.post(url, json=body, headers=headers, timeout=INVOKE_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise unanswered(url, error, "Try again; check the way to it.") from error
    if response.status_code >= 400:
        raise to_error(read_refusal(response.status_code, response.content), doing)


def invocations(workspace: Workspace, endpoint: str, deployment: str) -> Iterator[Object]:
    """The jobs of one deployment, whoever invoked it, each with its status and when it was made."""
    url = workspace.regional(FRONT, f"batchEndpoints/{endpoint}/deployments/{deployment}/jobs")
    doing, audience = f"listing the jobs of deployment {deployment}", AUDIENCES[workspace.place.cloud]
    yield from pages(workspace, Request("GET", url, doing, INVOCATIONS, audience=audience))


def job_status(workspace: Workspace, job: Object) -> JobStatus:
    """The job's status, without its outputs. A pipeline counts as running while what is in it waits for machines."""
    found = reading(job, _history_of(workspace, job) if needs_run(job) else None)
    if found.phase is not JobPhase.RUNNING:
        return found
    words = [str(child.get("status") or "") for child in children(workspace, job)]
    if any(word in GOING | FINAL for word in words):
        return found
    waits = next(filter(None, words), "Queued")
    return JobStatus(JobPhase.PENDING, waits, f"Azure ML says: {waits}.")


def _history_of(workspace: Workspace, job: Object) -> Mapping[str, Any] | None:
    """The job's run; None while its history does not know it. The error is that of the child that failed."""
    run = read_run(workspace, name_of(job))
    if not run or status_of(job) != "Failed":
        return run
    errors = (child.get("error") for child in children(workspace, job))
    return {**run, "error": next(filter(None, errors), run.get("error"))}


def log_files(workspace: Workspace, job: Object) -> dict[str, str]:
    """Name → URL that may be read, of the children's logs."""
    found: dict[str, str] = {}
    for child in children(workspace, job):
        name = str(child["runId"])
        details = workspace.find(workspace.regional(HISTORY, f"runs/{name}/details"), "", f"reading the run {name!r}")
        found |= (details or {}).get("logFiles") or {}
    return found


def children(workspace: Workspace, job: Object) -> Iterator[Object]:
    name = name_of(job)
    url = workspace.regional(HISTORY, f"runs/{name}/children")
    try:
        yield from workspace.items(url, "", f"reading the runs below job {name!r}")
    except NotFoundError:
        return  # the history does not know the job yet

"""Bring a job's outputs from the workspace's datastores to a local folder: once, whole or not at all."""

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from landbridge.domain.errors import CapabilityMissingError
from landbridge.drivers.azureml.blobs import DEFAULT_STORE, Spot, datastore, default_store, spot_of
from landbridge.drivers.azureml.client import Object, Workspace
from landbridge.drivers.faults import translated

_EXPRESSION = re.compile(r"\$\{\{\s*(\w+)\s*\}\}")  # of an output's path, as Azure ML resolves it while the job runs
OWN = "default"  # the run's own folder, which is no output that the job declares


def output_spots(job: Object, default: str = DEFAULT_STORE) -> Mapping[str, Spot]:
    """Output name → where it lies. Where Azure does not say, it is where Azure ML puts outputs by default.

    Args:
        default: the workspace's default datastore.

    Raises:
        CapabilityMissingError: it lies in no datastore.
    """
    return {
        name: _spot(str(job["name"]), name, output, default)
        for name, output in (job["properties"].get("outputs") or {}).items()
        if name != OWN and output
    }


def collect(workspace: Workspace, folder: Path, job: Object) -> dict[str, str]:
    """Output name → file:// URL below `folder`."""
    outputs = job["properties"].get("outputs") or {}
    spots = output_spots(job, default_store(workspace)) if set(outputs) - {OWN} else {}
    with translated(f"fetching outputs to {folder}"):
        for name, spot in spots.items():
            if not (folder / name).exists():
                fetch(workspace, folder / name, spot, outputs[name].get("jobOutputType") == "uri_file")
    return {name: f"file://{folder / name}" for name in spots}


def _spot(job: str, name: str, output: Mapping[str, object], default: str) -> Spot:
    known = {"name": job, "output_name": name, "default_datastore": default}
    uri = _EXPRESSION.sub(lambda found: known.get(found[1], found[0]), str(output.get("uri") or ""))
    if not uri:
        return Spot(default, f"azureml/{job}/{name}{'' if output.get('jobOutputType') == 'uri_file' else '/'}")
    if found := spot_of(uri):
        return found
    raise CapabilityMissingError(
        f"Output {name!r} of job {job!r} lies at {uri}, which is no datastore.", "Remove the output's `path`."
    )


def fetch(workspace: Workspace, destination: Path, spot: Spot, is_file: bool) -> None:
    """Make `destination` the folder, or the file, at `spot`."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=f".{destination.name}-") as beside:
        whole = Path(beside) / "whole"
        whole.mkdir()
        datastore(workspace, spot.store).download(spot.path, whole)
        single = next((path for path in whole.iterdir() if path.is_file()), None) if is_file else None
        try:
            (single or whole).rename(destination)
        except OSError:
            if not destination.exists():  # else another process was quicker
                raise
        shutil.rmtree(whole, ignore_errors=True)

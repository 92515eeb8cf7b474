"""An inference configuration of v1 (`az ml model deploy --inference-config-file`): entry script and environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from landbridge.domain.azure.v1.account import Account, Entry, Outcome
from landbridge.domain.azure.v1.draft import Code, EnvironmentDraft
from landbridge.domain.azure.v1.environment import DEFAULT_IMAGE, environment, with_server
from landbridge.domain.azure.v1.serving import Found
from landbridge.domain.azure.v1.twins import Default
from landbridge.domain.values import Json

_OLD = {
    "runtime": "v2 knows no runtimes: the image decides",
    "extraDockerfileSteps": "write a Dockerfile, and `environment.build`",
    "enableGpu": "name an image with CUDA, and an instance type with GPUs",
    "cudaVersion": "name an image with that CUDA",
}


@dataclass(frozen=True, slots=True)
class InferenceDraft:
    """Attributes: conda_file: a local file that must be read; "" = none."""

    code: Code
    environment: EnvironmentDraft
    conda_file: str = ""
    variables: Mapping[str, Json] | None = None
    entries: tuple[Entry, ...] = ()
    defaults: tuple[Default, ...] = ()
    todo: tuple[str, ...] = ()


def inference(data: Mapping[str, Json], conda: Mapping[str, Json] | None) -> InferenceDraft:
    """Draft code and environment.

    Args:
        conda: content of the file that `condaFile` names; None when there is none, or it was not found.
    """
    account, found = Account(data), Found()
    script, source = (str(account.get(name) or "") for name in ("entryScript", "sourceDirectory"))
    for name in ("entryScript", "sourceDirectory"):
        account.claim((name,), Outcome.WRITTEN, "code_configuration")
    draft, _ = environment(account, found)
    file = str(account.get("condaFile") or "")
    if not draft.is_there:
        draft = _old_parts(account, conda, found)
    account.claim(("condaFile",), Outcome.WRITTEN, "conda.yml")
    if file and conda is None:
        found.todo.append(f"Copy the packages of {file} into conda.yml: the file was not found.")
    for name, why in _OLD.items():
        account.claim((name,), Outcome.NO_TWIN, note=why)
    account.claim(("baseImageRegistry",), Outcome.NO_TWIN, note="give the workspace a connection to it", secret=True)
    account.claim(("description",), Outcome.NO_TWIN, note="described the image, which v2 makes by itself")
    variables = found.fields.get("environment_variables")
    return InferenceDraft(
        code=Code(script, source.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].strip("."), source),
        environment=draft,
        conda_file=file,
        variables=variables if isinstance(variables, dict) else None,
        entries=account.close(),
        defaults=tuple(found.defaults),
        todo=tuple(dict.fromkeys(found.todo)),
    )


def _old_parts(account: Account, conda: Mapping[str, Json] | None, found: Found) -> EnvironmentDraft:
    """Before environments there were single parts: a base image and a conda file."""
    image = str(account.get("baseImage") or "")
    account.claim(("baseImage",), Outcome.WRITTEN, "environment.image")
    if not image:
        image = DEFAULT_IMAGE
        found.defaults.append(Default("environment.image", "the SDK's own image", "none: one must be named"))
    content, added = with_server(conda) if conda is not None else (None, False)
    if added:
        found.defaults.append(Default("conda.yml", "v1 adds its own server", "it must be listed", "it is added"))
    return EnvironmentDraft(image=image, conda=content)

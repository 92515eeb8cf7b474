"""v1's environment, models and scoring code: what a deployment of v2 is made of."""

from collections.abc import Mapping

from landbridge.domain.azure.v1.account import Account, Keys, Outcome, has_credentials, is_secretive
from landbridge.domain.azure.v1.draft import Code, EnvironmentDraft, ModelRef
from landbridge.domain.azure.v1.serving import Found
from landbridge.domain.azure.v1.twins import Default
from landbridge.domain.values import Json

SERVER = "azureml-inference-server-http"
DEFAULT_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"  # of azureml-core 1.61
DEFAULT_CONDA: Mapping[str, Json] = {  # as azureml-core 1.61 makes it
    "name": "project_environment",
    "channels": ["conda-forge"],
    "dependencies": ["python=3.10", "pip", {"pip": ["azureml-defaults"]}],
}
ENTRY, SOURCE = "AZUREML_ENTRY_SCRIPT", "AZUREML_SOURCE_DIRECTORY"
_WITH_SERVER = ("azureml-defaults", SERVER)
_ENVIRONMENTS: tuple[Keys, ...] = (
    ("environmentImageRequest", "environment"),
    ("environmentDetails",),
    ("environment",),
)
_MODELS: tuple[Keys, ...] = (
    ("models",),
    ("modelDetails",),
    ("environmentImageRequest", "models"),
    ("environmentImageRequest", "modelIds"),
    ("modelIds",),
)
_NO_TWIN = {
    ("python", "interpreterPath"): "the image's PATH decides",
    ("python", "baseCondaEnvironment"): "write the whole environment into conda.yml",
    ("python", "condaDependenciesFile"): "the file's content stands in conda.yml where v1 knew it",
    ("docker", "baseImageRegistry"): "give the workspace a connection to that registry; ACR needs AcrPull alone",
    ("docker", "enabled"): "v2 always runs in a container",
    ("docker", "sharedVolumes"): "volumes belong to Kubernetes",
    ("docker", "shmSize"): "online deployments have no such field",
    ("docker", "arguments"): "Kubernetes takes no arguments of Docker",
    ("docker", "platform"): "the image decides",
    ("spark",): "online deployments run no Spark",
    ("databricks",): "online deployments run no Databricks",
    ("r",): "put R into an image of your own",
    ("inferencingStackVersion",): f"v2 adds no server to the image: {SERVER} stands in conda.yml",
}


def environment(account: Account, found: Found) -> tuple[EnvironmentDraft, Code]:
    """The environment inline, its variables into `found`, and what it says of the entry script."""
    for path in (("environmentReference",), ("environmentImageRequest", "environmentReference")):
        name, version = account.get(*path, "name"), account.get(*path, "version")
        if name:
            account.claim(path, Outcome.WRITTEN, "environment")
            return EnvironmentDraft(f"azureml:{name}:{version}" if version else f"azureml:{name}@latest"), Code()
    root = next((path for path in _ENVIRONMENTS if isinstance(account.get(*path), dict)), None)
    if root is None:
        return EnvironmentDraft(), Code()
    code = _variables(account, root, found)
    draft = _image(account, root, found)
    _names(account, root)
    return draft, code


def with_server(conda: Mapping[str, Json]) -> tuple[dict[str, Json], bool]:
    """The conda file with Azure ML's inference server in it, and whether it had to be added."""
    listed = conda.get("dependencies")
    dependencies: list[Json] = list(listed) if isinstance(listed, list) else []
    pip = next((item for item in dependencies if isinstance(item, dict) and isinstance(item.get("pip"), list)), None)
    packages = pip["pip"] if isinstance(pip, dict) else []
    assert isinstance(packages, list)  # looked at above
    if any(str(package).startswith(_WITH_SERVER) for package in [*packages, *dependencies]):
        return dict(conda), False
    others = [item for item in dependencies if item is not pip]
    has_pip = any(isinstance(item, str) and item.split("=")[0].strip() == "pip" for item in others)
    whole: list[Json] = [*others, *([] if has_pip else ["pip"]), {"pip": [*packages, SERVER]}]
    return {**conda, "dependencies": whole}, True


def models(account: Account) -> tuple[ModelRef, ...]:
    """The models, each once."""
    found: dict[str, ModelRef] = {}
    for root in _MODELS:
        listed = account.get(*root)
        for index, item in enumerate(listed if isinstance(listed, list) else []):
            model = _model(item)
            if model:
                found.setdefault(model.name if not model.version else f"{model.name}:{model.version}", model)
            _claim_model(account, (*root, index), isinstance(item, dict))
    account.claim(("modelConfigMap",), Outcome.REPORTED)
    return tuple(found.values())


def source(account: Account, found: Found, has_environment: bool) -> None:
    """Where v1 kept the code and the image: copies that v2 does not use."""
    note = "v1's copy of the source code; v2 uploads the folder `code` anew"
    for root in ((), ("environmentImageRequest",)):
        account.claim((*root, "assets"), Outcome.NO_TWIN, note=note)
        account.claim((*root, "driverProgram"), Outcome.NO_TWIN, note="v1's own wrapper around the entry script")
    image = "v2 builds an image of its own from the environment"
    for name in ("imageId", "imageDigest", "imageDetails"):
        if account.get(name) and not has_environment:
            found.todo.append("The service was made from an image: find out its conda file and entry script.")
        account.claim((name,), Outcome.NO_TWIN, note=image)


def _model(item: Json) -> ModelRef | None:
    if isinstance(item, str):
        name, _, version = item.partition(":")
        return ModelRef(name, version) if name else None
    if not isinstance(item, dict):
        return None
    name, _, version = str(item.get("id") or "").partition(":")
    name, version = str(item.get("name") or name), str(item.get("version") or version)
    return ModelRef(name, version) if name else None


def _claim_model(account: Account, path: Keys, is_object: bool) -> None:
    if is_object:
        for name in ("id", "name", "version"):
            account.claim((*path, name), Outcome.WRITTEN, "model")
        account.claim((*path, "url"), Outcome.REPORTED, secret=True)
        account.claim(path, Outcome.REPORTED, note="stays with the registered model")
    else:
        account.claim(path, Outcome.WRITTEN, "model")


def _variables(account: Account, root: Keys, found: Found) -> Code:
    """`environment_variables`; two of v1's name the entry script, and what looks like a secret is left out."""
    path = (*root, "environmentVariables")
    given = account.get(*path)
    variables = given if isinstance(given, dict) else {}
    written: dict[str, Json] = {}
    for name, value in variables.items():
        place = (*path, name)
        if name in (ENTRY, SOURCE):
            account.claim(place, Outcome.WRITTEN, "code_configuration")
        elif is_secretive((name,)) or has_credentials(str(value)):
            account.claim(place, Outcome.NO_TWIN, note="may be a secret: not written into a file", secret=True)
            found.todo.append(f"Set the environment variable {name}: it may be a secret, so it is in no file.")
        else:
            account.claim(place, Outcome.WRITTEN, f"environment_variables.{name}")
            written[name] = "" if value is None else str(value)
    if written:
        found.fields["environment_variables"] = written
    entry, folder = str(variables.get(ENTRY) or ""), str(variables.get(SOURCE) or "")
    return Code(entry.removeprefix(f"{folder}/") if folder else entry, folder)


def _image(account: Account, root: Keys, found: Found) -> EnvironmentDraft:
    managed = account.get(*root, "python", "userManagedDependencies") is True
    what = "no conda file" if managed else "conda.yml"
    account.claim((*root, "python", "userManagedDependencies"), Outcome.WRITTEN, what)
    conda = None if managed else _conda(account, root, found)
    if managed:
        note = "v1 did not heed it: the image brings its own packages"
        account.claim((*root, "python", "condaDependencies"), Outcome.NO_TWIN, note=note)
        found.todo.append(f"The image brings its own packages: {SERVER} must be among them.")
    dockerfile = str(account.get(*root, "docker", "baseDockerfile") or "")
    image = str(account.get(*root, "docker", "baseImage") or "")
    if dockerfile and not has_credentials(dockerfile):
        account.claim((*root, "docker", "baseDockerfile"), Outcome.WRITTEN, "environment/Dockerfile")
        account.claim((*root, "docker", "baseImage"), Outcome.NO_TWIN, note="the Dockerfile decides")
        return EnvironmentDraft(conda=conda, dockerfile=dockerfile)
    account.claim((*root, "docker", "baseDockerfile"), Outcome.NO_TWIN, note="holds a credential", secret=True)
    if account.get(*root, "docker", "buildContext"):
        note = "v1's copy of the build context; write `environment.build` with the folder itself"
        account.claim((*root, "docker", "buildContext"), Outcome.NO_TWIN, note=note)
        found.todo.append("The environment was built from a folder: write `environment.build.path` with that folder.")
    if not image:
        image = DEFAULT_IMAGE
        found.defaults.append(Default("environment.image", "the SDK's own image", "none: one must be named"))
    account.claim((*root, "docker", "baseImage"), Outcome.WRITTEN, "environment.image")
    return EnvironmentDraft(image=image, conda=conda)


def _conda(account: Account, root: Keys, found: Found) -> Mapping[str, Json] | None:
    path = (*root, "python", "condaDependencies")
    given = account.get(*path)
    if not isinstance(given, dict):
        found.defaults.append(Default("conda.yml", "Python and azureml-defaults", "none: it must be given", "written"))
        return DEFAULT_CONDA
    clean = _clean(given, account, path, found)
    account.claim(path, Outcome.WRITTEN, "conda.yml")
    conda, added = with_server(clean if isinstance(clean, dict) else {})
    if added:
        found.defaults.append(Default("conda.yml", "v1 adds its own server", f"{SERVER} must be listed", "it is added"))
    return conda


def _clean(value: Json, account: Account, path: Keys, found: Found) -> Json:
    """Without the lines that carry a credential, such as an index of packages with a password."""
    if isinstance(value, dict):
        return {key: _clean(inner, account, (*path, key), found) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    kept: list[Json] = []
    for index, item in enumerate(value):
        if isinstance(item, str) and has_credentials(item):
            account.claim((*path, index), Outcome.NO_TWIN, note="carries a credential: not written", secret=True)
            found.todo.append("A line of the conda file carries a credential: use a workspace connection instead.")
        else:
            kept.append(_clean(item, account, (*path, index), found))
    return kept


def _names(account: Account, root: Keys) -> None:
    note = "written inline; register it under its name if others use it"
    for name in ("name", "version"):
        account.claim((*root, name), Outcome.CHANGED, "environment", note)
    account.claim((*root, "assetId"), Outcome.REPORTED)
    for path, why in _NO_TWIN.items():
        account.claim((*root, *path), Outcome.NO_TWIN, note=why, secret=path[-1] == "baseImageRegistry")

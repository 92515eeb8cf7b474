"""Make everything ready that a job's pod needs, then create the Job; safe to repeat at any point.

The order: ConfigMaps and the Secret first, so that no pod waits for them; then the Job; then the Job becomes their owner,
so that they go when it goes. A crash in between leaves objects that the next submit takes up, or lets the Job own.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from landbridge.domain.errors import CapabilityMissingError, ConflictError, InputError, NotFoundError
from landbridge.domain.inventory import Datastore, Inventory, Target
from landbridge.domain.job import NOT_CODE
from landbridge.domain.requests import TrainingJob
from landbridge.domain.values import Json
from landbridge.drivers.faults import translated
from landbridge.drivers.kubernetes.artifacts import ArtifactStore, Signed, Tree, sign
from landbridge.drivers.kubernetes.cluster import (
    CLAIMS,
    CONFIG_MAPS,
    JOBS,
    SECRETS,
    SERVICES,
    STRATEGIC_PATCH,
    Cluster,
    Kind,
    Object,
)
from landbridge.drivers.kubernetes.distribution import layout
from landbridge.drivers.kubernetes.job_manifest import (
    CODE_VOLUME,
    FILE_TYPES,
    PVC_LABEL,
    PVC_PATH,
    ROOT,
    Parts,
    code_config_map,
    input_place,
    job_manifest,
    kube_name,
    plan_secret,
    runner_config_map,
    secret_name,
    service_manifest,
)
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.secrets import with_secrets
from landbridge.drivers.sharing import Shared, the_one
from landbridge.drivers.trees import digest_file

CODE_BYTES = 700_000  # as base64 in a ConfigMap it stays below etcd's 1 MiB
LIST_BYTES = 300_000  # a longer list of signed URLs goes through the store; the Secret has the same limit
LONGEST_SIGNATURE_SECONDS = 7 * 24 * 3600  # what S3 allows
TRIES = 5  # against other processes that write owners at the same moment
WAIT_SECONDS = 24 * 3600  # a job may wait that long before it starts, and its URLs still hold


@dataclass(frozen=True, slots=True)
class Site:
    """What submitting works with."""

    target: Target
    inventory: Inventory
    options: KubernetesOptions
    cluster: Cluster
    store: ArtifactStore


def submit(job: TrainingJob, site: Site) -> None:
    """Ensure that the Job exists."""
    if (found := site.cluster.find(JOBS, kube_name(job.name))) is not None:
        _own_what_a_crash_left(site.cluster, job.name, found)
        return
    runner = runner_config_map(site.target)
    manifest, owned = objects(job, _name(runner), _claims(site.cluster), site)
    site.cluster.create(CONFIG_MAPS, runner)
    for kind, item in owned:
        site.cluster.create(kind, item)
    made = site.cluster.create(JOBS, manifest) or site.cluster.get(JOBS, kube_name(job.name))
    owner = _owner(made)
    for kind, item in owned:
        if kind is CONFIG_MAPS:
            _own_together(site, item, owner)
        else:
            _own(site.cluster, kind, item, [owner])


def objects(
    job: TrainingJob, runner: str, claims: Mapping[str, str], site: Site
) -> tuple[Object, list[tuple[Kind, Object]]]:
    """The Job, and what goes with it when it goes. Brings inputs and large code into the site's store; asks no cluster."""
    plan, places, package = _plan(job, site)
    code = code_config_map(package, site.target) if package else None
    fetches = any(plan.get(key) for key in ("inputs", "list", "code"))
    parts = Parts(runner, _name(code) if code else "", claims, fetches)
    owned: list[tuple[Kind, Object]] = [(SECRETS, plan_secret(job, plan, site.target))]
    if code:
        owned.append((CONFIG_MAPS, code))
    if layout(job.job).instances > 1:
        owned.append((SERVICES, service_manifest(job, site.target)))
    return job_manifest(job, places, parts, site.target, site.options), owned


def job_key(target: str, name: str) -> str:
    """Where in the store a job leaves things."""
    return f"jobs/{target}/{kube_name(name)}"


def output_key(target: str, name: str, output: str, index: int) -> str:
    return f"{job_key(target, name)}/outputs/{output}.{index}.tar"


def log_key(target: str, name: str, index: int) -> str:
    return f"{job_key(target, name)}/log.{index}"


def pack_code(source: str) -> bytes:
    """A tar.gz of a folder or one file that is the same for the same content."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, path in _code_files(Path(source)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o755 if path.stat().st_mode & 0o100 else 0o644
            with path.open("rb") as stream:
                tar.addfile(entry, stream)
    return buffer.getvalue()


def _code_files(source: Path) -> Iterator[tuple[str, Path]]:
    if source.is_file():
        yield source.name, source
        return
    if not source.is_dir():
        raise NotFoundError(f"There is no code at {source}.", "Correct `code:` of the job.")
    found = (path for path in source.rglob("*") if path.is_file())
    for path in sorted(found, key=lambda item: item.relative_to(source).as_posix()):
        relative = path.relative_to(source)
        if not set(relative.parts) & set(NOT_CODE):
            yield relative.as_posix(), path


def _plan(job: TrainingJob, site: Site) -> tuple[dict[str, Json], dict[str, str], bytes]:
    """What the runner is told, where each input lies in the pod, and the code when it is small."""
    limit = job.timeout_seconds or LONGEST_SIGNATURE_SECONDS
    seconds = min(LONGEST_SIGNATURE_SECONDS, int(limit) + WAIT_SECONDS)
    plan: dict[str, Json] = {}
    places: dict[str, str] = {}
    fetched: list[Json] = []
    for name, value in job.inputs.items():
        given = job.job.inputs.get(name)
        if given is None or not given.is_data:
            places[name] = value
            continue
        files, path = _input_files(value, site, seconds)
        place = input_place(job.job, name)
        places[name] = f"{ROOT}/{place}{f'/{path}' if path else ''}"
        fetched.append({"path": place, "files": files})
    _add_inputs(plan, fetched, job, site)
    package = _add_code(plan, job, site, seconds)
    plan["folders"] = [name for name, output in job.job.outputs.items() if output.type not in FILE_TYPES]
    instances, target = layout(job.job).instances, site.target.name
    plan["outputs"] = {
        name: [
            _signed(site.store.sign_put(output_key(target, job.name, name, index), seconds))
            for index in range(instances)
        ]
        for name in job.job.outputs
    }
    plan["log"] = [
        _signed(site.store.sign_put(log_key(target, job.name, index), seconds)) for index in range(instances)
    ]
    return plan, places, package


def _add_inputs(plan: dict[str, Json], fetched: list[Json], job: TrainingJob, site: Site) -> None:
    text = json.dumps(fetched)
    if len(text) <= LIST_BYTES:
        plan["inputs"] = fetched
        return
    key = f"{job_key(site.target.name, job.name)}/inputs.json"
    site.store.put_bytes(key, text.encode())
    plan["list"] = {"size": len(text.encode()), **_signed(site.store.sign_get(key, LONGEST_SIGNATURE_SECONDS))}


def _add_code(plan: dict[str, Json], job: TrainingJob, site: Site, seconds: int) -> bytes:
    """Small code is returned, for a ConfigMap; large code goes to the store, under its digest."""
    if not job.code:
        return b""
    with translated(f"packing the code {job.code}"):
        package = pack_code(job.code)
    if len(package) <= CODE_BYTES:
        return package
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "code.tar.gz"
        path.write_bytes(package)
        key, digest = site.store.put_file(path), digest_file(path)
    plan["code"] = {"size": len(package), "digest": digest, **_signed(site.store.sign_get(key, seconds))}
    return b""


def _input_files(value: str, site: Site, seconds: int) -> tuple[list[Json], str]:
    """What the pod fetches for one input, and the path of a single file within its folder."""
    local = value.removeprefix("file://") if value.startswith("file://") else value
    if "://" not in local:
        path = Path(local)
        if not path.exists():
            raise NotFoundError(
                f"There is no input {value}.", "Correct its path, or stage the data at this site first."
            )
        tree = site.store.put_tree(path)
        return _tree_files(tree, site.store, seconds), path.name if path.is_file() else ""
    return _stored_files(value, site, seconds)


def _tree_files(tree: Tree, store: ArtifactStore, seconds: int) -> list[Json]:
    return [
        {
            "path": file.path,
            "size": file.size_bytes,
            "digest": file.digest,
            **_signed(store.sign_get(tree.key(file), seconds)),
        }
        for file in tree.files
    ]


def _stored_files(url: str, site: Site, seconds: int) -> tuple[list[Json], str]:
    """Data that lies in a store of the site already: signed where it is, with the credentials of its datastore."""
    from fsspec.core import url_to_fs

    options = dict(_datastore(url, site).options)
    with translated(f"reading {url}"):
        fs, root = url_to_fs(url, **with_secrets(options))
        found = {name: info for name, info in fs.find(root, detail=True).items() if info["type"] == "file"}
    if not found:
        raise NotFoundError(f"There is nothing at {url}.", "Correct the path of the input.")
    if site.options.storage_endpoint and options.get("endpoint_url") == site.options.storage.get("endpoint_url"):
        fs, _ = url_to_fs(url, **{**with_secrets(options), "endpoint_url": site.options.storage_endpoint})
    single = str(root) in found
    files: list[Json] = []
    for name, info in sorted(found.items()):
        path = name.rsplit("/", 1)[-1] if single else name.removeprefix(str(root)).strip("/")
        with translated(f"signing {url}"):
            try:
                signed = sign(fs, name, seconds, write=False)
            except NotImplementedError as error:
                hint = "Use a store that signs URLs, or stage the data to a local folder."
                raise CapabilityMissingError(f"{url} cannot be signed for pods.", hint) from error
        files.append({"path": path, "size": int(info["size"]), "digest": "", **_signed(signed)})
    return files, str(root).rsplit("/", 1)[-1] if single else ""


def _datastore(url: str, site: Site) -> Datastore:
    fits = [
        store
        for store in site.inventory.datastores.values()
        if url.startswith(store.url.rstrip("/") + "/") or url == store.url
    ]
    if not fits:
        raise InputError(
            f"No datastore of the inventory holds {url}.", "Add one whose `url` it begins with.", site.inventory.path
        )
    return max(fits, key=lambda store: len(store.url))


def _signed(signed: Signed) -> dict[str, Json]:
    return {"url": signed.url, "headers": dict(signed.headers)}


def _claims(cluster: Cluster) -> Mapping[str, str]:
    """Claims that Azure ML would mount into every training pod of the namespace, by its label and annotation."""
    found = cluster.items(CLAIMS, labels=f"{PVC_LABEL}=true")
    paths = {_name(claim): (claim["metadata"].get("annotations") or {}).get(PVC_PATH, "") for claim in found}
    return {name: path for name, path in sorted(paths.items()) if path}


def _owner(made: Object) -> Object:
    return {"apiVersion": "batch/v1", "kind": "Job", "name": _name(made), "uid": made["metadata"]["uid"]}


def _own_what_a_crash_left(cluster: Cluster, name: str, made: Object) -> None:
    """Who submitted died between the Job and the last owner: what has none would stay for ever."""
    spec, owner = made["spec"], _owner(made)
    parts = [(SECRETS, secret_name(name))]
    parts += [(SERVICES, kube_name(name))] if spec["completions"] > 1 else []
    volumes = spec["template"]["spec"]["volumes"]
    parts += [(CONFIG_MAPS, str(each["configMap"]["name"])) for each in volumes if each["name"] == CODE_VOLUME]
    for kind, part in parts:
        item = cluster.find(kind, part)
        if item and owner["uid"] not in {each["uid"] for each in item["metadata"].get("ownerReferences", [])}:
            cluster.patch(kind, part, {"metadata": {"ownerReferences": [owner]}}, STRATEGIC_PATCH)


def _own_together(site: Site, code: Object, owner: Object) -> None:
    """Own what many jobs own, in one write for all of this process that come at once: it costs more the more owners there are."""
    writing: Shared[None] = the_one(Shared, *site.options.place, _name(code))

    def write(owners: Sequence[str]) -> Mapping[str, None]:
        _own(site.cluster, CONFIG_MAPS, code, list(map(json.loads, owners)))
        return {}

    writing.of(json.dumps(owner), write)


def _own(cluster: Cluster, kind: Kind, item: Object, owners: Sequence[Object]) -> None:
    """Let the garbage collector remove `item` after the last Job that needs it."""
    change: Object = {"metadata": {"ownerReferences": owners}}
    for _ in range(TRIES):
        with suppress(NotFoundError, ConflictError):
            cluster.patch(kind, _name(item), change, STRATEGIC_PATCH)
            return
        # Collected with its last owner, just now: the pod waits until it is there again. Else other processes own it too.
        if cluster.create(kind, {**item, "metadata": {**item["metadata"], **change["metadata"]}}):
            return
    cluster.patch(kind, _name(item), change, STRATEGIC_PATCH)


def _name(item: Object) -> str:
    return str(item["metadata"]["name"])

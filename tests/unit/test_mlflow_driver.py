"""What the mlflow driver makes of options, answers and errors; and of versions that landbridge did not register."""

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.errors import (
    AuthError,
    ConflictError,
    CorruptError,
    InputError,
    LandbridgeError,
    NotFoundError,
    PermanentError,
    TargetUnavailableError,
)
from landbridge.domain.inventory import Inventory, RegistrySpec
from landbridge.domain.requests import Candidate
from landbridge.drivers.mlflow import artifacts, connect
from landbridge.drivers.mlflow.options import Options, read_options
from landbridge.drivers.mlflow.registry import MlflowRegistry
from landbridge.drivers.mlflow.rest import Rest
from landbridge.drivers.mlflow.translate import METRICS_TAG, quoted, refused, version_of
from tests.services.hosts import Registry

pytest_plugins = ["tests.services.running_host"]


def inventory(home: Path) -> Inventory:
    return Inventory("test", "inventory.yaml", str(home), {}, {}, {})


def options(home: Path, **given: Any) -> Options:
    return read_options(RegistrySpec("cloud", "mlflow", given), inventory(home))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "one of `uri` and `port`"),
        ({"uri": "http://h", "port": 5000}, "one of `uri` and `port`"),
        ({"uri": "sqlite:///mlflow.db"}, "no MLflow server"),
        ({"uri": "azureml://eastus.api.azureml.ms"}, "no MLflow server"),
        ({"uri": "http://"}, "no MLflow server"),
        ({"uri": "http://h:port"}, "no MLflow server"),
        ({"uri": 5}, "no MLflow server"),
        ({"uri": "https://me:secret@h"}, "holds credentials"),
        ({"port": "5000"}, "no port"),
        ({"port": 70000}, "no port"),
        ({"port": True}, "no port"),
        ({"port": False}, "no port"),
        ({"port": 5000, "prot": 1}, "'prot'"),
        ({"uri": "http://h", "token": "abc"}, "holds its value"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        options(tmp_path, **given)
    assert caught.value.where == "inventory.yaml"
    assert "secret@h" not in str(caught.value)


def test_a_server_of_our_own_is_where_its_address_says(tmp_path: Path) -> None:
    assert options(tmp_path, port=5000).address() == "http://127.0.0.1:5000"
    assert options(tmp_path, port=5000, address="10.0.0.7").address() == "http://10.0.0.7:5000"


def test_a_secret_comes_from_the_environment_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AuthError, match="ONPREM_TOKEN"):
        options(tmp_path, uri="https://h", token="secret:ONPREM_TOKEN")
    monkeypatch.setenv("ONPREM_TOKEN", "s3cret-token")
    found = options(tmp_path, uri="https://h", token="secret:ONPREM_TOKEN")
    assert found.token == "s3cret-token"
    assert "s3cret-token" not in repr(found)


def test_mlflows_own_variables_are_used_for_a_remote_server_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    assert options(tmp_path, uri="https://h").username == "me"
    assert options(tmp_path, port=5000).username == ""


def test_the_port_that_up_chose_is_read_when_asked(tmp_path: Path) -> None:
    """`up` may start after the connection was made."""
    fixed, any_port = options(tmp_path, port=5000), options(tmp_path, port="any")
    assert fixed.address() == "http://127.0.0.1:5000"
    with pytest.raises(TargetUnavailableError, match="not running") as caught:
        any_port.address()
    assert "landbridge up" in caught.value.hint
    services = tmp_path / "services" / "services.json"
    services.parent.mkdir()
    services.write_text(json.dumps({"registries": {"cloud": {"url": "http://127.0.0.1:5510/"}}, "prefect": {}}))
    assert fixed.address() == any_port.address() == "http://127.0.0.1:5510"


@pytest.mark.parametrize("content", ["{", "[]", '{"registries": {"cloud": 1}}', "{}"])
def test_a_damaged_services_file_is_named(tmp_path: Path, content: str) -> None:
    services = tmp_path / "services" / "services.json"
    services.parent.mkdir()
    services.write_text(content)
    with pytest.raises(TargetUnavailableError, match=r"services\.json"):
        options(tmp_path, port=5000).address()


def body(code: str, message: str = "words") -> str:
    return json.dumps({"error_code": code, "message": message})


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (404, body("RESOURCE_DOES_NOT_EXIST"), NotFoundError),
        (400, body("RESOURCE_ALREADY_EXISTS"), ConflictError),
        (401, "You are not authenticated.", AuthError),
        (403, body("PERMISSION_DENIED"), AuthError),
        (403, "Invalid Host header", AuthError),
        (429, body("REQUEST_LIMIT_EXCEEDED"), TargetUnavailableError),
        (500, body("INTERNAL_ERROR"), TargetUnavailableError),
        (503, "<html>busy</html>", TargetUnavailableError),
        (400, body("INVALID_PARAMETER_VALUE"), PermanentError),
        (404, "<html>no such page</html>", PermanentError),
        (302, "", PermanentError),
    ],
)
def test_every_refusal_becomes_one_error_with_its_code(status: int, text: str, expected: type[LandbridgeError]) -> None:
    found = refused(status, text, "the registry")
    assert type(found) is expected
    assert str(status) in found.message
    assert found.hint
    if "error_code" in text:
        assert json.loads(text)["error_code"] in found.message


def test_a_damaged_metrics_tag_is_named() -> None:
    with pytest.raises(CorruptError, match="flights"):
        version_of({"name": "flights", "version": "1", "tags": [{"key": METRICS_TAG, "value": "{"}]}, None)


def test_a_name_is_quoted_with_the_quote_it_has_not() -> None:
    assert quoted("a") == "'a'"
    assert quoted("a'b") == '"a\'b"'
    with pytest.raises(PermanentError):
        quoted("a'b\"c")


class Page(BaseHTTPRequestHandler):
    """Answers everything with a page, as a login proxy does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>please log in</html>")

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""


@pytest.fixture
def login_page() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_page_instead_of_an_answer_is_said_so(tmp_path: Path, login_page: str) -> None:
    with pytest.raises(PermanentError, match="without the JSON"):
        connect(RegistrySpec("cloud", "mlflow", {"uri": login_page}), inventory(tmp_path)).find("m", version="1")


def test_a_location_that_the_server_does_not_proxy_is_mlflows_to_reach(tmp_path: Path) -> None:
    source = tmp_path / "model"
    (source / "data").mkdir(parents=True)
    (source / "data" / "weights").write_bytes(b"1")
    rest = Rest(options(tmp_path, port=5000))
    artifacts.upload(rest, source, f"file://{tmp_path / 'store'}")
    (tmp_path / "copy").mkdir()
    artifacts.download(rest, f"file://{tmp_path / 'store'}", tmp_path / "copy")
    assert (tmp_path / "copy" / "data" / "weights").read_bytes() == b"1"


def test_artifacts_behind_another_server_get_no_credentials(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="another server"):
        artifacts.download(Rest(options(tmp_path, port=5000)), "mlflow-artifacts://evil/1/x", tmp_path)


def test_connecting_imports_neither_mlflow_nor_httpx(tmp_path: Path) -> None:
    """`landbridge plan` connects; importing mlflow would cost it 1.2 s."""
    code = (
        "import sys; from landbridge.drivers.mlflow import connect;"
        "from landbridge.domain.inventory import *;"
        "connect(RegistrySpec('cloud', 'mlflow', {'port': 1}), Inventory('t', '', '/tmp', {}, {}, {}));"
        "sys.exit(any(name in sys.modules for name in ('mlflow', 'httpx', 'requests')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


LOG_MODEL = """
import sys, mlflow.sklearn
from sklearn.linear_model import LinearRegression
for rmse in (1.0, 2.0, 3.0):
    with mlflow.start_run():
        mlflow.log_metric("rmse", rmse)
        model = LinearRegression().fit([[1.0], [2.0]], [rmse, rmse])
        mlflow.sklearn.log_model(model, name="m", registered_model_name=sys.argv[1], pip_requirements=["scikit-learn"])
mlflow.MlflowClient().copy_model_version(f"models:/{sys.argv[1]}/1", sys.argv[1] + "-copy")
"""


@pytest.mark.slow
@pytest.mark.services
def test_versions_that_others_registered_have_metrics_and_files(mlflow_server: Registry, tmp_path: Path) -> None:
    """As `mlflow.sklearn.log_model(registered_model_name=…)` and `copy_model_version` make them."""
    model = f"foreign-{uuid.uuid4().hex[:8]}"
    import os

    environment = {**os.environ, "MLFLOW_TRACKING_URI": mlflow_server.url, "MLFLOW_DISABLE_TELEMETRY": "true"}
    subprocess.run([sys.executable, "-c", LOG_MODEL, model], env=environment, check=True, capture_output=True)
    registry = connect(RegistrySpec("cloud", "mlflow", {"uri": mlflow_server.url}), inventory(tmp_path))
    assert [(v.version, v.metrics, v.digest) for v in registry.versions(model)] == [
        ("3", {"rmse": 3.0}, ""),
        ("2", {"rmse": 2.0}, ""),
        ("1", {"rmse": 1.0}, ""),
    ]
    for name in (model, f"{model}-copy"):
        found = registry.find(name, version="1")
        assert found is not None
        assert found.metrics == {"rmse": 1.0}
        digest = registry.fetch(found, str(tmp_path / name))
        assert (tmp_path / name / "MLmodel").is_file()
        assert registry.fetch(replace(found, digest=digest), str(tmp_path / name)) == digest


@pytest.mark.services
def test_listing_versions_takes_two_calls_however_many_there_are(
    mlflow_server: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = connect(RegistrySpec("cloud", "mlflow", {"uri": mlflow_server.url}), inventory(tmp_path))
    model = f"many-{uuid.uuid4().hex[:8]}"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("flavors: {}")
    for number in range(5):
        registry.register(Candidate(model, f"k{number}", str(tmp_path / "model"), "", {}, {"rmse": 1.0}))
    calls = count_calls(registry, monkeypatch)
    assert len(registry.versions(model)) == 5
    assert len(calls) == 2
    calls.clear()
    registry.find(model, alias="champion")
    assert len(calls) == 1


def count_calls(registry: MlflowRegistry, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    original = Rest.call

    def counted(self: Rest, method: str, path: str, absent: tuple[str, ...] = (), **request: Any) -> dict[str, Any]:
        calls.append(path)
        return original(self, method, path, absent, **request)

    monkeypatch.setattr(Rest, "call", counted)
    return calls

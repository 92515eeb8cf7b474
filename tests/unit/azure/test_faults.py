"""Errors of Azure ML on Kubernetes: the table, how a code or a text finds its row, and the command that shows it."""

import re

import pytest

from landbridge.domain.azure.faults import Again, Fault, Where, classify, faults, find, match, nearest_code
from landbridge.domain.azure.settings import find_setting
from landbridge.domain.values import Avoid
from landbridge.files.azure_pages import errors_page
from tests.unit.cli import landbridge

SAYINGS = {  # as Azure, Helm or Kubernetes print them
    "Error: INSTALLATION FAILED: cannot re-use a name that is still in use": "name-in-use",
    "Another operation for the helm chart is still in progress": "operation-in-progress",
    "unable to create new content in namespace azureml because it is being terminated": "namespace-terminating",
    "Failed in download the Chart path not found": "chart-not-found",
    "cannot be imported into the current release: invalid ownership metadata; label": "ownership-conflict",
    "Helm installation failed: timed out waiting for the condition": "install-timeout",
    "Error: failed pre-install: pod healthcheck failed": "health-check-failed",
    "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules": "router-anti-affinity",
    '{"name": "INSUFFICIENT_NODE", "description": "..."}': "E40002",
    "code E45002: see": "E45002",
    "Failed to get compute information.": "GenericComputeError",
    "Cannot find Kubernetes compute.": "ComputeNotFound",
    "Failed to connect to Kubernetes cluster: timeout": "GenericClusterError",
    "Cannot found Kubernetes cluster.": "ClusterNotFound",
    "Request to Kubernetes cluster unauthorized.": "ClusterUnauthorized",
    "The k8s-extension of the Kubernetes cluster is not connectable.": "InferencingClientCallFailed",
    "Job failed. 137": "job-137",
    'PodPattern matched: {"containers":[{"name":"training-identity-sidecar","message":"x","code":137}]}': "job-137",
    'Job failed. E45004: "Training feature is not enabled, please enable it when install the extension."': "E45004",
    'Job failed. 400:{"Msg":"Encountered an error when attempting to connect to the Azure ML token service"}': "token-service",
    "Failed to acquire CSI storage account credentials for mountVolume 'x', Internal error: 403": "csi-credentials-403",
    "Unable to mount data store workspaceblobstore. Give either an account key or SAS token.": "datastore-without-credentials",
    "Unable to attach or mount volumes: unmounted volumes=[x] blobfuse": "download-mode",
    "OutOfQuota: Kubernetes unschedulable. Details:0/1 nodes are available: 1 Too many pods": "OutOfQuota",
    "AuthenticationException. Reason: InvalidCertificate": "KubernetesUnaccessible",
    "ModuleNotFoundError: No module named 'sklearn'": "UserScriptImportError",
    "HTTP/1.1 409 Conflict": "HTTP 409",
    "upstream said: 504 Gateway Time-out": "HTTP 504",
    "Invalid value provided for Timeout Seconds for Probe": "probe-timeout-invalid",
}


class TestTable:
    def test_it_is_as_long_as_the_articles(self) -> None:
        assert len(faults()) >= 70

    @pytest.mark.parametrize("fault", faults(), ids=lambda fault: f"{fault.code} {fault.where.name}")
    def test_every_row_is_whole(self, fault: Fault) -> None:
        assert fault.cause.endswith(".")
        assert fault.fix.endswith(".")
        assert fault in find(fault.code)
        re.compile(fault.pattern)
        assert not fault.pattern or not re.search(fault.pattern, "", re.IGNORECASE)

    def test_only_one_code_stands_for_two_things(self) -> None:
        codes = [fault.code for fault in faults()]
        assert {code for code in codes if codes.count(code) > 1} == {"E45004"}

    def test_every_place_has_rows(self) -> None:
        assert {fault.where for fault in faults()} == set(Where)

    def test_what_the_user_wrote_fails_everywhere(self) -> None:
        """Trying the same code on another target is no remedy."""
        for code in (
            "UserScriptInitFailed",
            "UserScriptImportError",
            "ImageBuildFailure",
            "DeploymentCrashLoopBackOff",
        ):
            assert {(fault.again, fault.avoid) for fault in find(code)} == {(Again.PERMANENT, Avoid.EVERYTHING)}

    def test_waiting_is_for_what_heals(self) -> None:
        for fault in faults():
            assert fault.again is Again.TRANSIENT or "try again" not in fault.fix.lower() or fault.code == "name-in-use"

    def test_remedies_name_settings_that_there_are(self) -> None:
        words = re.compile(r"\b(install[A-Z]\w+|inferenceRouter\w+|ssl[A-Z]\w+|internalLoadBalancer\w+|enable_https)\b")
        named = {word for fault in faults() for word in words.findall(fault.fix)}
        assert named
        assert [name for name in named if find_setting(name) is None] == []


class TestFinding:
    @pytest.mark.parametrize("text", SAYINGS)
    def test_a_sentence_finds_its_row_first(self, text: str) -> None:
        assert match(text)[0].fault.code == SAYINGS[text]

    @pytest.mark.parametrize("fault", faults(), ids=lambda fault: f"{fault.code} {fault.where.name}")
    def test_a_code_alone_finds_its_rows(self, fault: Fault) -> None:
        assert fault in [found.fault for found in match(fault.code.upper())]

    def test_a_number_is_a_status(self) -> None:
        assert [found.fault.code for found in match("503")] == ["HTTP 503"]

    def test_a_code_in_a_log_is_found(self) -> None:
        text = 'ERROR (AcrSecretError): {"code": "BadRequest"}\nlater: scoring'
        assert [found.fault.code for found in match(text)] == ["ACRSecretError"]

    def test_a_sentence_decides_what_a_double_code_means(self) -> None:
        assert [found.fault.where for found in match("E45004")] == [Where.HEALTH, Where.TRAINING]
        assert [found.fault.where for found in match("E45004: Training feature is not enabled")] == [Where.TRAINING]
        found = classify("E45004", "AZUREML_FE_ROLE_CONFLICT")
        assert found
        assert found.where is Where.HEALTH

    def test_a_code_counts_more_than_what_a_message_happens_to_say(self) -> None:
        found = classify("NamespaceNotFound", "Internal Server Error while looking for it")
        assert found
        assert found.code == "NamespaceNotFound"

    def test_without_a_known_code_the_message_decides(self) -> None:
        found = classify("BadRequest", "AuthenticationException. Reason: InvalidCertificate")
        assert found
        assert found.code == "KubernetesUnaccessible"

    @pytest.mark.parametrize("text", ["", "all is well", "HTTP 200 OK", "took 504 ms", "page 409", "E4000"])
    def test_what_is_no_error_finds_nothing(self, text: str) -> None:
        assert match(text) == ()
        assert classify("", text) is None


class TestCommand:
    def test_a_code_is_explained(self) -> None:
        said = landbridge("ops", "explain", "e40002")
        assert said.code == 0
        assert "E40002 (health check of the extension; permanent)" in said.out
        assert "inferenceRouterHA: false" in said.out

    def test_a_log_on_standard_input_is_looked_through(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import io

        monkeypatch.setattr("sys.stdin", io.StringIO("x\nJob failed. 137\ny\n"))
        [found] = landbridge("ops", "explain", "-", "-o", "json").json["errors"]
        assert (found["code"], found["again"], found["avoid"]) == ("job-137", "permanent", "target")
        assert found["by"] == "Job failed. 137"

    def test_an_unknown_code_names_the_nearest(self) -> None:
        said = landbridge("ops", "explain", "AcrSecretEror")
        assert said.code == 7
        assert "did you mean 'ACRSecretError'" in said.err
        assert nearest_code("zzz") == ""

    def test_a_text_without_a_known_error_says_so(self) -> None:
        said = landbridge("ops", "explain", "the cat sat on the mat")
        assert said.code == 7
        assert "Nothing in this text" in said.err


def test_the_page_has_every_row() -> None:
    page = errors_page()
    for fault in faults():
        assert f"| `{fault.code}` |" in page
        assert fault.cause.replace("|", "\\|") in page

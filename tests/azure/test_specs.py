"""The validator: Microsoft's own examples pass it, planted faults do not."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.azure.double import specs
from tests.azure.double.record import Exchange
from tests.azure.double.wire import Json

SLIPS = {
    ("ListExtensions.json", "nextLink"): "null, where the document has a string",
    ("KubernetesCompute.json", "vcName"): "null, where the document has a string",
    ("KubernetesCompute.json", "nvidia.com/gpu"): "null, where the document has a string",
}
"""Where Microsoft's examples do not keep to Microsoft's documents."""


def examples() -> Iterator[tuple[str, Exchange, specs.Operation]]:
    """Every official example: the file's name, and each of its answers as an exchange."""
    for provider, versions in (
        ("Microsoft.MachineLearningServices", ("2023-10-01", "2023-08-01-preview", "2023-04-01-preview")),
        ("Microsoft.Kubernetes", ("2024-01-01",)),
        ("Microsoft.KubernetesConfiguration", ("2023-05-01",)),
    ):
        for version in versions:
            for operation in specs.operations(provider, version):
                for named in operation.value.get("x-ms-examples", {}).values():
                    if (file := operation.file.parent / named["$ref"]).exists():
                        yield from of_file(file, version, operation)


def of_file(file: Path, version: str, operation: specs.Operation) -> Iterator[tuple[str, Exchange, specs.Operation]]:
    example = json.loads(file.read_text(encoding="utf-8"))
    body = (specs.body_parameter(operation) or {"name": ""})["name"]
    for status, answer in example["responses"].items():
        told = answer.get("headers") or {"Location": "the examples mostly leave headers out"}
        query = {"api-version": version}
        sent = example["parameters"].get(body)
        exchange = Exchange(
            "management", operation.method, "", str(file.name), query, {}, sent, int(status), told, answer.get("body")
        )
        yield file.name, exchange, operation


def test_microsofts_examples_pass() -> None:
    seen = 0
    for name, exchange, operation in examples():
        found = [
            one
            for one in specs.judge(exchange, operation)
            if not any(name == slip and end in one.place for slip, end in SLIPS)
        ]
        assert not found, f"{name} {exchange.status}: {found[0]}"
        seen += 1
    assert seen > 100


def test_each_slip_is_still_there() -> None:
    """One that is mended upstream leaves the list."""
    found = {(name, one.place) for name, exchange, operation in examples() for one in specs.judge(exchange, operation)}
    for name, end in SLIPS:
        assert any(name == file and place.endswith(end) for file, place in found), (name, end)


def is_slip(name: str, finding: specs.Finding) -> bool:
    return any(name == file and finding.place.endswith(end) for file, end in SLIPS)


WORKSPACE = "/subscriptions/1/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


def exchange(method: str, kind: str, version: str, sent: Json, *answer: Json) -> Exchange:
    """`answer`: the body, and a status other than 200."""
    query, told = {"api-version": version}, {"azure-asyncoperation": "https://management.azure.com/x"}
    answered, status = (*answer, 200)[:2]
    return Exchange("management", method, "", f"{WORKSPACE}/{kind}", query, {}, sent, status, told, answered)


ENDPOINT = {
    "id": f"{WORKSPACE}/onlineEndpoints/e",
    "name": "e",
    "type": "x",
    "location": "westeurope",
    "properties": {"authMode": "Key", "traffic": {"blue": 100}, "provisioningState": "Succeeded"},
}
JOB = {
    "properties": {
        "jobType": "Command",
        "command": "true",
        "environmentId": "e",
        "status": "Running",
        "inputs": {"lr": {"jobInputType": "literal", "value": "1"}},
        "outputs": {"model": {"jobOutputType": "uri_folder", "uri": "azureml://x"}},
    }
}


def endpoint(**changes: Json) -> Json:
    value = copy.deepcopy(ENDPOINT)
    value["properties"] |= changes
    return value


def job(**changes: Json) -> Json:
    value = copy.deepcopy(JOB)
    value["properties"] |= changes
    return value


def read(answered: Json) -> Exchange:
    return exchange("GET", "onlineEndpoints/e", "2022-02-01-preview", None, answered)


def read_job(answered: Json) -> Exchange:
    return exchange("GET", "jobs/j", "2024-01-01-preview", None, answered)


SENT = {"location": "westeurope", "properties": {"authMode": "Key", "traffic": {}}}


def put(sent: Json, status: int = 201) -> Exchange:
    return exchange("PUT", "onlineEndpoints/e", "2022-02-01-preview", sent, endpoint(), status)


GOOD = [read(endpoint()), read_job(job()), put(SENT)]
NUMBER = {"lr": {"jobInputType": "number"}}
READ_ONLY = {"authMode": "Key", "scoringUri": "x"}
BAD = {
    "a provisioning state that there is not": (
        read(endpoint(provisioningState="Done")),
        "response properties/provisioningState",
    ),
    "a property that there is not": (read(endpoint(colour="blue")), "response properties"),
    "traffic as text": (read(endpoint(traffic={"blue": "100"})), "response properties/traffic/blue"),
    "null where null is not allowed": (read(endpoint(provisioningState=None)), "response properties/provisioningState"),
    "a required property left out": (read({**ENDPOINT, "properties": {"traffic": {}}}), "response properties"),
    "properties left out": (read({key: value for key, value in ENDPOINT.items() if key != "properties"}), "response"),
    "a job status that there is not": (read_job(job(status="Done")), "response properties/status"),
    "a discriminator that there is not": (read_job(job(jobType="Batch")), "response properties"),
    "a property of another kind of job": (read_job(job(objective={})), "response properties"),
    "a discriminator in a map that there is not": (
        read_job(job(inputs=NUMBER)),
        "response properties/inputs/lr",
    ),
    "a literal without its value": (
        read_job(job(inputs={"lr": {"jobInputType": "literal"}})),
        "response properties/inputs/lr",
    ),
    "an answer without a body": (read(None), "response"),
    "a list where an object belongs": (read([]), "response"),
    "a status that there is not": (put(SENT, 203), "status 203"),
    "a read-only property that is sent": (
        put({**SENT, "properties": READ_ONLY}),
        "request properties/scoringUri",
    ),
    "an unknown property that is sent": (put({**SENT, "colour": "blue"}), "request"),
    "an operation that cannot be followed": (replace(put(SENT), answer_headers={}), "header Azure-AsyncOperation"),
    "a path that there is not": (exchange("GET", "deployments/d", "2022-02-01-preview", None, {}), "path"),
    "a version that there is not": (exchange("GET", "jobs/j", "2019-01-01", None, JOB), "path 2019-01-01"),
    "a method that there is not": (exchange("POST", "jobs/j", "2023-10-01", None, JOB), "path POST"),
    "an error without its envelope": (
        exchange("GET", "jobs/j", "2023-10-01", None, {"message": "no"}, 404),
        "response",
    ),
}


@pytest.mark.parametrize("good", GOOD)
def test_what_is_right_passes(good: Exchange) -> None:
    assert specs.check(good) == []


@pytest.mark.parametrize("fault", BAD)
def test_a_planted_fault_is_found(fault: str) -> None:
    bad, words = BAD[fault]
    found = specs.check(bad)
    assert found, fault
    assert words in str(found[0])


def test_the_status_of_an_operation_is_held_to_arms_common_types() -> None:
    path = "/subscriptions/1/providers/Microsoft.MachineLearningServices/locations/westeurope/operations/1"
    good = replace(GOOD[0], path=path, answered={"name": "1", "status": "InProgress"})
    assert specs.check(good) == []
    assert specs.check(replace(good, answered={"name": "1"}))


def test_other_services_and_planted_answers_are_left_alone() -> None:
    bad = BAD["a property that there is not"][0]
    assert specs.check(replace(bad, service="blob")) == []
    assert specs.check(replace(bad, is_injected=True)) == []

"""The rights that IT operations grant are those that the driver's sources ask for: every call is granted, no grant is idle."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import landbridge
from landbridge.domain.inventory import Role
from landbridge.drivers.kubernetes.operating_rights import SEE_GATEWAY, SEE_NODES, Right, rights, rules

DRIVER = Path(landbridge.__file__).parent / "drivers" / "kubernetes"
VERBS = {
    "get": {"get"},
    "find": {"get"},
    "items": {"list"},
    "create": {"create"},
    "apply": {"patch", "create"},  # server-side apply of what is not there yet
    "patch": {"patch"},
    "delete": {"delete"},
}
EVERYTHING = rights(frozenset(Role), gateway=True, queue=True)
OF_ADMINISTRATORS = {  # what only `landbridge ops` touches, with an administrator's credentials or not at all
    *("customresourcedefinitions", "instancetypes", "gatewayclasses", "priorityclasses", "nodes"),
    *("limitranges", "networkpolicies", "roles", "rolebindings", "clusterroles", "clusterrolebindings"),
    "horizontalpodautoscalers",
}
Call = tuple[str, str, str, str]


@cache
def sources() -> dict[str, list[ast.AST]]:
    return {path.name: list(ast.walk(ast.parse(path.read_text()))) for path in sorted(DRIVER.glob("*.py"))}


def kinds() -> dict[str, tuple[str, str]]:
    """Every `NAME = Kind("group/version", "plural")` of the driver: name → group, plural."""
    found = {}
    for nodes in sources().values():
        for node in nodes:
            match node:
                case ast.Assign(
                    targets=[ast.Name(id=name)],
                    value=ast.Call(
                        func=ast.Name(id="Kind"), args=[ast.Constant(value=api), ast.Constant(value=plural)]
                    ),
                ):
                    found[name] = (str(api).rpartition("/")[0], str(plural))
    return found


def calls() -> Iterator[Call]:
    """Every call of a verb on a named kind: where, group, resource, verb."""
    known = kinds()
    for file, nodes in sources().items():
        for node in nodes:
            match node:
                case ast.Call(func=ast.Attribute(attr=method), args=[ast.Name(id=name), *_]) if (
                    method in VERBS and name in known
                ):
                    for verb in VERBS[method]:
                        yield (f"{file}:{node.lineno}", *known[name], verb)


@pytest.fixture(scope="module")
def called() -> list[Call]:
    return sorted({call for call in calls() if call[2] not in OF_ADMINISTRATORS})


def granted(found: tuple[Right, ...]) -> set[tuple[str, str, str]]:
    return {(right.group, right.resource, verb) for right in found for verb in right.verbs}


def test_the_calls_were_found(called: list[Call]) -> None:
    assert len(called) > 15
    assert {"jobs", "pods", "configmaps", "secrets"} <= {resource for _, _, resource, _ in called}


def test_every_call_of_the_driver_is_granted(called: list[Call]) -> None:
    known = granted((*EVERYTHING, *SEE_NODES, SEE_GATEWAY))
    assert [call for call in called if call[1:] not in known] == [], "grant it in operating_rights.py"


def test_no_right_to_change_is_idle_in_training(called: list[Call]) -> None:
    """Tables of kinds are not followed: those of serving, what the probe cleans up, what belongs to a training job."""
    changing = {"create", "patch", "delete"}
    asked = {(group, resource, verb) for _, group, resource, verb in called}
    idle = {item for item in granted(rights(frozenset({Role.TRAIN}), gateway=False)) if item[2] in changing} - asked
    of_tables = {
        *(("", "secrets", "delete"), ("batch", "jobs", "delete")),  # the probe
        *(("", "services", "create"), ("", "services", "patch"), ("", "configmaps", "patch")),  # owned by a job
    }
    assert idle <= of_tables


def test_a_target_that_only_trains_gets_no_rights_of_serving() -> None:
    found = {right.label for right in rights(frozenset({Role.TRAIN}), gateway=True)}
    assert "jobs.batch" in found
    assert not found & {"deployments.apps", "httproutes.gateway.networking.k8s.io", "services/proxy"}


def test_each_resource_stands_once() -> None:
    labels = [right.label for right in EVERYTHING]
    assert len(labels) == len(set(labels)) == len(rules(EVERYTHING))


def test_nobody_is_let_into_a_pod_or_into_the_rights_themselves() -> None:
    resources = {right.resource for right in (*EVERYTHING, *SEE_NODES)}
    assert not resources & {
        "pods/exec",
        "pods/attach",
        "pods/portforward",
        "pods/ephemeralcontainers",
        "roles",
        "rolebindings",
    }
    assert ("", "secrets", "list") not in granted(EVERYTHING)
    assert ("", "pods", "create") not in granted(EVERYTHING)  # jobs and deployments make them, under the quota

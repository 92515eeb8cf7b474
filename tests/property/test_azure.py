"""Rules around Azure that hold for every input: nothing of a v1 file is lost, and no order of the extension slips through."""

import json
import re
import shlex
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from landbridge.domain.azure.extension import Cluster, Extension, breaches, judge_setting
from landbridge.domain.azure.extension_plan import Fate, Present, plan, shown
from landbridge.domain.azure.faults import classify, faults, match
from landbridge.domain.azure.settings import SETTINGS, ClusterKind, Feature, Setting, find_setting
from landbridge.domain.azure.v1.account import Account, Outcome
from landbridge.domain.azure.v1.compute import compute
from landbridge.domain.azure.v1.inference import inference
from landbridge.domain.azure.v1.service import Wishes, service
from landbridge.domain.azure.v1.serving import whole_percents
from landbridge.domain.azure.v1.twins import PATHS
from landbridge.files.v1 import Drafts
from landbridge.files.v1_writing import make
from landbridge.files.yaml_text import dump

V1 = Path(__file__).parents[1] / "unit" / "azure" / "v1"
EXPORTS = {
    name: json.loads((V1 / f"{name}.json").read_text()) for name in ("service", "compute", "endpoint", "page", "list")
}
KNOWN = sorted({str(key) for paths in PATHS.values() for path in paths for key in path} | {*PATHS})

text = st.text(max_size=8)
scalars = (
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.integers(-999, 999).map(lambda number: number / 100) | text
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text.filter(bool), inner, max_size=3),
    max_leaves=8,
)


def leaves(value: Any, keys: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Any]:
    """Every value that holds no others: written anew here, so that the code is not its own judge."""
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    if not items:
        return {keys: value} if keys else {}
    return {place: leaf for key, inner in items for place, leaf in leaves(inner, (*keys, key)).items()}


@st.composite
def changed(draw: st.DrawFn, export: dict[str, Any]) -> dict[str, Any]:
    """An export with values replaced, keys taken away and unknown ones put in, at any depth."""
    data = json.loads(json.dumps(export))
    for _ in range(draw(st.integers(0, 6))):
        place = data
        while isinstance(place, dict) and place and draw(st.booleans()):
            inner = [item for item in place.values() if isinstance(item, dict) and item]
            if not inner:
                break
            place = draw(st.sampled_from(inner))
        key = draw(st.sampled_from(sorted(place)) | st.sampled_from(KNOWN) | text.filter(bool))
        if draw(st.booleans()) and key in place:
            del place[key]
        else:
            place[key] = draw(trees)
    return data


def accounted(data: dict[str, Any], entries: Any) -> None:
    places = [entry.keys for entry in entries]
    assert len(places) == len(set(places)), "a value has two entries"
    assert set(places) == set(leaves(data)), "a value is lost, or made up"
    for entry in entries:
        leaf = leaves(data)[entry.keys]
        assert (entry.outcome is Outcome.EMPTY) == (leaf in (None, "", [], {}))
        assert entry.target or entry.outcome not in (Outcome.WRITTEN, Outcome.CHANGED)


class TestMigration:
    @given(changed(EXPORTS["service"]))
    def test_every_value_of_a_service_has_one_entry(self, data: dict[str, Any]) -> None:
        accounted(data, service(data, "", Wishes("svc")).entries)

    @given(changed(EXPORTS["endpoint"]))
    def test_every_value_of_an_endpoint_and_its_versions_has_one_entry(self, data: dict[str, Any]) -> None:
        accounted(data, service(data, "", Wishes("svc")).entries)

    @given(changed(EXPORTS["page"]["value"][0]))
    def test_every_value_of_a_resource_of_azure_has_one_entry(self, data: dict[str, Any]) -> None:
        accounted(data, service(data, "properties", Wishes("svc")).entries)

    @given(changed(EXPORTS["list"][0]))
    def test_every_value_of_what_the_sdk_printed_has_one_entry(self, data: dict[str, Any]) -> None:
        accounted(data, service(data, "", Wishes("svc")).entries)

    @given(changed(EXPORTS["compute"]))
    def test_every_value_of_a_compute_has_one_entry(self, data: dict[str, Any]) -> None:
        accounted(data, compute(data, Wishes(compute="new")).entries)

    @given(changed(json.loads((V1 / "inferenceconfig.json").read_text())))
    def test_every_value_of_an_inference_configuration_has_one_entry(self, data: dict[str, Any]) -> None:
        accounted(data, inference(data, None).entries)

    @given(st.dictionaries(text.filter(bool), trees, max_size=5))
    def test_an_account_that_nobody_claims_from_lists_all_as_unknown_or_empty(self, data: dict[str, Any]) -> None:
        entries = Account(data).close()
        accounted(data, entries)
        assert {entry.outcome for entry in entries} <= {Outcome.UNKNOWN, Outcome.EMPTY}

    @given(
        st.dictionaries(
            st.text(string.ascii_letters, min_size=1), st.text(string.ascii_letters, min_size=1), max_size=4
        )
    )
    def test_what_is_called_written_is_in_a_file(self, tags: dict[str, str]) -> None:
        data = {**EXPORTS["service"], "kvTags": tags, "description": "words", "properties": tags}
        draft = service(data, "", Wishes())
        files = "\n".join(make(Drafts((draft,), (), ())).texts.values())
        for entry in draft.entries:
            if entry.outcome is Outcome.WRITTEN and entry.keys[0] in ("kvTags", "description", "properties"):
                assert leaves(data)[entry.keys] in files

    @given(changed(EXPORTS["service"]))
    def test_no_secret_that_v1_names_reaches_a_file(self, data: dict[str, Any]) -> None:
        data["keys"] = {"primaryKey": "hunter-2", "secondaryKey": "hunter-2"}
        draft = service(data, "", Wishes("svc"))
        assert "hunter-2" not in str(draft)
        assert "hunter-2" not in str(make(Drafts((draft,), (), ())).texts)

    @given(st.dictionaries(st.text(string.ascii_lowercase, min_size=1), st.floats(0, 1e6), min_size=1, max_size=8))
    def test_traffic_is_whole_and_sums_up(self, shares: dict[str, float]) -> None:
        found = whole_percents(shares)
        assert found.keys() == shares.keys()
        assert sum(found.values()) in ({100} if sum(shares.values()) > 0 else {0})
        total = sum(shares.values())
        for name, share in shares.items():
            assert total <= 0 or abs(found[name] - share * 100 / total) < 1


names = st.sampled_from([f"{item.name}.k" if item.family else item.name for item in SETTINGS]) | text
words = st.sampled_from(["True", "False", "LoadBalancer", "NodePort", "azure", "x y", "it's"]) | text
orders = st.builds(
    Extension,
    st.just("azureml"),
    st.builds(Cluster, st.sampled_from(ClusterKind), st.just("c"), st.just("rg"), st.none() | st.integers(1, 5)),
    st.frozensets(st.sampled_from(Feature), min_size=1),
    st.dictionaries(names, words, max_size=6),
    st.dictionaries(names, st.just("NAME"), max_size=3),
    st.sampled_from(["", "1.1.88"]),
)
presents = st.builds(
    Present,
    st.dictionaries(names.filter(bool), words.filter(bool), max_size=6),
    st.lists(names.filter(bool), max_size=3, unique=True).map(tuple),
    st.sampled_from(["", "1.1.70"]),
    st.booleans(),
)


def right(order: Extension, present: Present | None) -> bool:
    return not breaches(order, present.settings if present else None)


class TestExtension:
    @given(orders)
    def test_a_setting_that_is_not_known_never_passes(self, order: Extension) -> None:
        unknown = [name for name in (*order.settings, *order.protected) if find_setting(name) is None]
        found = breaches(order)
        assert not unknown or found
        for name in unknown:
            assert any(name in breach.message for breach in found)
        assert all(breach.hint for breach in found)

    @given(st.sampled_from(SETTINGS), words)
    def test_a_protected_setting_never_stands_in_a_file(self, setting: Setting, value: str) -> None:
        name = f"{setting.name}.k" if setting.family else setting.name
        assert judge_setting(name, value, not setting.protected) is not None

    @settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
    @given(orders, st.none() | presents)
    def test_the_command_brings_about_what_the_plan_shows(self, order: Extension, present: Present | None) -> None:
        """Carried out as Azure does (merge, replace), the command ends in the plan's last column."""
        order = Extension(order.name, order.cluster, order.features, _sound(order), {}, order.version)
        assume(right(order, present))
        made = plan(order, present)
        config = dict(word.split("=", 1) for word in _after(made.command, "--config"))
        state = {**(present.settings if present else {}), **config}
        shown_then = {row.name: row.then for row in made.settings if row.fate is not Fate.DEFAULT}
        assert {name: value.lower() for name, value in state.items()} == {
            name: value.lower() for name, value in shown_then.items()
        }
        assert {row.name for row in made.protected if row.fate is Fate.DELETE} == set(
            present.protected if present else ()
        )

    @given(orders)
    def test_the_command_is_one_for_the_shell(self, order: Extension) -> None:
        made = plan(Extension(order.name, order.cluster, order.features, _sound(order), {"sslKeyPemFile": "KEY_1"}))
        line = shown(made.command).replace("\\\n", " ")
        assert 'sslKeyPemFile="$KEY_1"' in line
        assert shlex.split(line)[:3] == ["az", "k8s-extension", "create"]
        for name, value in _sound(order).items():
            assert f"{name}={value}" in shlex.split(line)


def _sound(order: Extension) -> Mapping[str, str]:
    return {
        name: value
        for name, value in order.settings.items()
        if re.fullmatch(r"[\w.]+", name) and value and value.isprintable() and not judge_setting(name, value, False)
    }


def _after(command: tuple[str, ...], option: str) -> list[str]:
    if option not in command:
        return []
    rest = command[command.index(option) + 1 :]
    end = next((at for at, word in enumerate(rest) if word.startswith("--")), len(rest))
    return shlex.split(" ".join(rest[:end]))


class TestFaults:
    @given(st.text(max_size=60), st.sampled_from(faults()), st.text(max_size=60))
    def test_a_code_is_found_in_any_text(self, before: str, fault: Any, after: str) -> None:
        assume(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{3,}", fault.code))
        found = match(f"{before} {fault.code} {after}")
        assert fault.code in {item.fault.code for item in found}

    @given(st.text(max_size=200), st.text(max_size=200))
    def test_any_answer_can_be_judged(self, code: str, message: str) -> None:
        found = classify(code, message)
        assert found is None or found in faults()


@given(st.dictionaries(text, trees, min_size=1, max_size=5))
@pytest.mark.parametrize("version", [(1, 1), (1, 2)])
def test_what_is_written_is_read_alike_by_both_versions_of_yaml(version: tuple[int, int], data: dict[str, Any]) -> None:
    """The SDK reads YAML 1.1, landbridge 1.2."""
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    assert reader.load(dump(data)) == data

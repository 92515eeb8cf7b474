"""Scenario files: what they become, and what each fault says."""

import json
from pathlib import Path

import pytest

from landbridge.domain.errors import InputError
from landbridge.domain.gate import BetterThanChampion, Goal, Threshold
from landbridge.domain.scenario import FailoverReason, Replication
from landbridge.domain.values import Pattern, Resources
from landbridge.files.job import load_job
from landbridge.files.scenario import load_scenario
from landbridge.files.templates import new_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"

MINIMAL = """\
name: small
pattern: hybrid_train_deploy
data:
  flights: {residency: anywhere}
job: job.yaml
gate: {min_rows: 1}
model: {name: small}
endpoint: {name: small}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "job.yaml").write_text("command: 'true'\n")
    (tmp_path / "smoke.json").write_text('[{"inputs": [1]}, {"inputs": [2]}]')
    (tmp_path / "score").mkdir()
    (tmp_path / "score" / "score.py").write_text("")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    file = folder / "scenario.yaml"
    file.write_text(text)
    return file


def fault(folder: Path, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        load_scenario(written(folder, text))
    return caught.value


def test_a_small_scenario_gets_the_documented_defaults(folder):
    scenario = load_scenario(written(folder, MINIMAL))
    assert (scenario.name, scenario.pattern) == ("small", Pattern.HYBRID_TRAIN_DEPLOY)
    assert scenario.path == str(folder / "scenario.yaml")
    assert scenario.job == str(folder / "job.yaml")
    asset = scenario.data["flights"]
    assert (asset.uri, asset.residency, asset.replication) == ("", frozenset(), Replication.LAZY)
    assert scenario.placement.failover == frozenset(FailoverReason)
    assert (scenario.rollout.steps, scenario.model.output, scenario.model.registry) == ((100,), "model", "")
    assert scenario.triggers.model_versions
    assert scenario.endpoint.smoke.requests == ()


@pytest.mark.parametrize(
    ("pattern", "sites"),
    [
        ("cloud_train_onprem_deploy", ("onprem",)),
        ("hybrid_train_deploy", ("onprem", "cloud")),
        ("onprem_train_cloud_deploy", ("cloud",)),
        ("private_aks", ("cloud",)),
        ("onprem_lifecycle", ("onprem",)),
    ],
)
def test_each_pattern_has_its_own_serving_sites(folder, pattern, sites):
    scenario = load_scenario(written(folder, MINIMAL.replace("hybrid_train_deploy", pattern)))
    assert scenario.endpoint.sites == sites


BIG = """\
$schema: x
name: big
pattern: onprem_train_cloud_deploy
data:
  flights: {uri: azureml://datastores/plant/paths/f, residency: [onprem, leipzig], replication: proactive}
  weather: {residency: cloud}
job: {file: job.yaml, inputs: {rate: 0.1, fast: true, kind: x, n: 3}}
requires: {cpu: 500m, memory: 2Gi, gpu: 1, instance_type: gpu}
placement:
  prefer: ["onprem-*", cloud-gpu]
  failover: {busy: false, hardware: false}
  max_cost_per_hour: 3
gate:
  thresholds: {mae: {max: 10}, r2: {min: 0.1, max: 1}}
  better_than_champion: {metric: mae, goal: minimize, tolerance: 0.02}
  min_rows: 100
  rows_metric: n
model: {name: m, output: out, registry: cloud}
endpoint:
  name: big-model
  sites: [cloud]
  smoke: {requests: smoke.json, min: 0, max: 1.5, timeout: 500ms}
  scoring: {code: score, script: score.py}
  batch: score/../job.yaml
  deployment:
    instance_type: small
    instance_count: 2
    request_settings: {request_timeout_ms: 100, max_concurrent_requests_per_instance: 4, max_queue_wait_ms: 0}
    liveness_probe: {period: 1, initial_delay: 2, timeout: 3, success_threshold: 4, failure_threshold: 5}
    readiness_probe: {period: 6}
    scale_settings: {type: target_utilization, min_instances: 2, max_instances: 5,
                     target_utilization_percentage: 60, polling_interval: 7}
    environment_variables: {LOG: debug}
rollout: {steps: [10, 50, 100], step: 1m, soak: 1h, max_error_percent: 0.5}
triggers: {new_data: [flights], cron: "0 3 * * Mon", model_versions: false}
exports: {model: true, metrics: [mae]}
"""


def test_every_key_for_training_reaches_the_domain(folder):
    scenario = load_scenario(written(folder, BIG))
    flights = scenario.data["flights"]
    assert flights.uri == "azureml://datastores/plant/paths/f"
    assert (flights.residency, flights.replication) == (frozenset({"onprem", "leipzig"}), Replication.PROACTIVE)
    assert scenario.data["weather"].residency == frozenset({"cloud"})
    assert scenario.job_inputs == {"rate": 0.1, "fast": True, "kind": "x", "n": 3}
    assert scenario.requires.resources == Resources(500, 2 * 2**30, 1)
    assert scenario.requires.instance_type == "gpu"
    assert scenario.placement.prefer == ("onprem-*", "cloud-gpu")
    assert scenario.placement.failover == {FailoverReason.MAINTENANCE, FailoverReason.UNREACHABLE}
    assert scenario.placement.max_cost_per_hour == 3.0
    assert scenario.gate.thresholds == (Threshold("mae", None, 10.0), Threshold("r2", 0.1, 1.0))
    assert scenario.gate.better_than_champion == BetterThanChampion("mae", Goal.MINIMIZE, 0.02)
    assert (scenario.gate.min_rows, scenario.gate.rows_metric) == (100, "n")
    assert (scenario.model.name, scenario.model.output, scenario.model.registry) == ("m", "out", "cloud")
    assert (scenario.triggers.new_data, scenario.triggers.cron) == (("flights",), "0 3 * * Mon")
    assert not scenario.triggers.model_versions
    assert (scenario.exports.model, scenario.exports.metrics) == (True, ("mae",))


def test_every_key_for_serving_reaches_the_domain(folder):
    scenario = load_scenario(written(folder, BIG))
    smoke = scenario.endpoint.smoke
    assert [json.loads(body) for body in smoke.requests] == [{"inputs": [1]}, {"inputs": [2]}]
    assert (smoke.minimum, smoke.maximum, smoke.timeout_seconds) == (0.0, 1.5, 0.5)
    assert scenario.endpoint.batch == str(folder / "job.yaml")
    assert scenario.endpoint.scoring is not None
    assert (scenario.endpoint.scoring.folder, scenario.endpoint.scoring.script) == (str(folder / "score"), "score.py")
    settings = scenario.endpoint.settings
    assert (settings.instance_type, settings.instance_count) == ("small", 2)
    assert (settings.request_timeout_ms, settings.max_concurrent_requests_per_instance) == (100, 4)
    assert settings.max_queue_wait_ms == 0
    probe = settings.liveness_probe
    assert (probe.period, probe.initial_delay, probe.timeout) == (1, 2, 3)
    assert (probe.success_threshold, probe.failure_threshold) == (4, 5)
    assert settings.readiness_probe.period == 6
    assert (settings.scale_type, settings.min_instances, settings.max_instances) == ("target_utilization", 2, 5)
    assert (settings.target_utilization_percentage, settings.polling_interval) == (60, 7)
    assert settings.environment_variables == {"LOG": "debug"}
    assert (scenario.rollout.steps, scenario.rollout.step_seconds) == ((10, 50, 100), 60.0)
    assert (scenario.rollout.soak_seconds, scenario.rollout.max_error_percent) == (3600.0, 0.5)


def test_paths_start_at_the_scenario_file(folder, monkeypatch):
    below = folder / "below"
    below.mkdir()
    (below / "scenario.yaml").write_text(MINIMAL.replace("job.yaml", "../job.yaml"))
    monkeypatch.chdir(folder)
    scenario = load_scenario(Path("below/scenario.yaml"))
    assert scenario.job == str(folder / "job.yaml")
    assert scenario.path == str(below / "scenario.yaml")


# text to replace in MINIMAL, its replacement, the line, words of the message, words of the hint
REPLACED = [
    ("name: small\npattern", "nmae: small\npattern", 1, "`nmae` is not a known key", "`name` instead of `nmae`"),
    ("name: small\npattern", "name: Small\npattern", 1, "'Small' is not a legal name", "lower-case"),
    ("name: small\npattern", f"name: {'x' * 64}\npattern", 1, "not a legal name", "63"),
    ("name: small\npattern", "name: a_b\npattern", 1, "not a legal name", "dashes"),
    ("name: small\npattern", "name: -a\npattern", 1, "not a legal name", "both ends"),
    ("name: small\npattern", "name: 5\npattern", 1, "expected text, got 5", "`name`"),
    ("hybrid_train_deploy", "hybrid", 2, "one of 'cloud_train_onprem_deploy', 'hybrid_train_deploy'", "`pattern`"),
    ("  flights: {residency: anywhere}", "  {}", 3, "a count of at least 1", "`data`"),
    ("flights: {residency: anywhere}", "flights: {}", 4, "`data.flights.residency` is missing", "Add `residency:`"),
    ("residency: anywhere", "residency: ''", 4, "`data.flights.residency`", "length of at least 1"),
    ("residency: anywhere", "residency: []", 4, "`data.flights.residency`", "count of at least 1"),
    ("residency: anywhere", "residency: [cloud, 5]", 4, "`data.flights.residency[1]`: expected text", "text"),
    ("residency: anywhere", "residency: [cloud, cloud]", 4, "names 'cloud' twice", "Remove"),
    ("residency: anywhere", "residency: [cloud, anywhere]", 4, "'anywhere' beside other words", "either"),
    ("residency: anywhere", "residency: cloud, replication: eager", 4, "one of 'lazy' or 'proactive'", "replication"),
    ("residency: anywhere", "residency: cloud, url: x", 4, "`data.flights.url` is not a known key", "`uri`"),
    ("flights: {", "my-flights: {", 4, "not a legal name", "underscores"),
    ("job: job.yaml", "job: none.yaml", 5, "There is no job file", "relative to this file"),
    ("job: job.yaml", "job: {file: none.yaml}", 5, "There is no job file", "relative to this file"),
    ("job: job.yaml", "job: {fil: job.yaml}", 5, "`job.fil` is not a known key", "`file`"),
    ("job: job.yaml", "job: {file: job.yaml, inputs: {a: [1]}}", 5, "`job.inputs.a`: expected", "`job.inputs.a`"),
    ("job: job.yaml", "job: 5", 5, "expected text or keys and values, got 5", "`job`"),
    ("job: job.yaml\n", "", 1, "`job` is missing", "Add `job:`"),
    ("gate: {min_rows: 1}", "gate: {}", 6, "no criterion", "thresholds"),
    ("gate: {min_rows: 1}", "gate:", 6, "expected keys and values, got nothing", "`gate`"),
    ("gate: {min_rows: 1}", "gate: {min_row: 1}", 6, "`gate.min_row`", "`min_rows` instead of `min_row`"),
    ("gate: {min_rows: 1}", "gate: {min_rows: ten}", 6, "expected a whole number, got 'ten'", "`gate.min_rows`"),
    ("gate: {min_rows: 1}", "gate: {min_rows: -1}", 6, "at least 0, got -1", "`gate.min_rows`"),
    ("gate: {min_rows: 1}", "gate: {thresholds: {mae: {}}}", 6, "'mae' has no bound", "`min`"),
    ("gate: {min_rows: 1}", "gate: {thresholds: {mae: {min: 2, max: 1}}}", 6, "min 2.0 above max 1.0", "Swap"),
    ("gate: {min_rows: 1}", "gate: {thresholds: {mae: {max: .nan}}}", 6, "`gate.thresholds.mae.max`", "number"),
    ("gate: {min_rows: 1}", "gate: {thresholds: {mae: 5}}", 6, "expected keys and values, got 5", "mae"),
    ("gate: {min_rows: 1}", "gate: {better_than_champion: {metric: m}}", 6, "goal` is missing", "Add `goal:`"),
    ("gate: {min_rows: 1}", "gate: {better_than_champion: {metric: m, goal: less}}", 6, "'minimize'", "goal"),
    ("model: {name: small}", "model: {name: small model}", 7, "not a legal name", "dashes"),
    ("model: {name: small}", "model: {}", 7, "`model.name` is missing", "Add `name:` below `model`"),
    ("endpoint: {name: small}", "endpoint: {name: ab}", 8, "not a legal name", "3 to 32"),
    ("endpoint: {name: small}", f"endpoint: {{name: {'a' * 33}}}", 8, "not a legal name", "3 to 32"),
    ("endpoint: {name: small}", "endpoint: {name: 1abc}", 8, "not a legal name", "start with a letter"),
    ("endpoint: {name: small}", "endpoint: {name: a--b}", 8, "not a legal name", "single dashes"),
    ("endpoint: {name: small}", "endpoint: {name: abc-}", 8, "not a legal name", "end with"),
    ("endpoint: {name: small}", "endpoint: {name: abc, sites: []}", 8, "count of at least 1", "`endpoint.sites`"),
    ("endpoint: {name: small}", "endpoint: {name: abc, sites: [a, a]}", 8, "names 'a' twice", "Remove"),
    ("endpoint: {name: small}", "endpoint: {name: abc, smoke: {requests: no.json}}", 8, "cannot be read", "path"),
    ("endpoint: {name: small}", "endpoint: {name: abc, smoke: {requests: job.yaml}}", 8, "is not JSON", "JSON list"),
    ("endpoint: {name: small}", "endpoint: {name: abc, smoke: {min: 2, max: 1}}", 8, "above max", "Swap"),
    ("endpoint: {name: small}", "endpoint: {name: abc, smoke: {timeout: soon}}", 8, "'soon' is not a duration", "2s"),
    ("endpoint: {name: small}", "endpoint: {name: abc, smoke: {timeout: 0}}", 8, "is 0", "5s"),
    ("endpoint: {name: small}", "endpoint: {name: abc, scoring: {code: score, script: x.py}}", 8, "no file", "code"),
    ("endpoint: {name: small}", "endpoint: {name: abc, batch: no.yml}", 8, "no file", "batch deployment"),
    ("endpoint: {name: small}", "endpoint: {name: abc, batch: 3}", 8, "expected text, got 3", "endpoint.batch"),
]

# lines added below MINIMAL, the line, words of the message, words of the hint
ADDED = [
    ("requires: {memory: 2GB}", 9, "unit 'GB'", "2Gi"),
    ("requires: {cpu: many}", 9, "expected an amount of CPU, got 'many'", "500m"),
    ("requires: {gpu: some}", 9, "expected a number of GPUs, got 'some'", "whole number"),
    ("requires: {gpus: 1}", 9, "`requires.gpus` is not a known key", "`gpu` instead of `gpus`"),
    ("placement: {prefer: x}", 9, "expected a list, got 'x'", "`placement.prefer`"),
    ("placement: {failover: {busy: never}}", 9, "expected true or false, got 'never'", "busy"),
    ("placement: {failover: {bussy: true}}", 9, "`placement.failover.bussy`", "`busy`"),
    ("placement: {max_cost_per_hour: 0}", 9, "greater than 0", "max_cost_per_hour"),
    ("rollout:\n  steps: []", 10, "count of at least 1", "`rollout.steps`"),
    ("rollout:\n  steps: [10, 50]", 10, "ends at 50", "End the list with 100"),
    ("rollout:\n  steps:\n    - 50\n    - 20\n    - 100", 12, "20 follows 50", "rising"),
    ("rollout:\n  steps: [0, 100]", 10, "`rollout.steps[0]`: expected a number of at least 1, got 0", "steps[0]"),
    ("rollout:\n  steps: [50, 120]", 10, "at most 100, got 120", "steps[1]"),
    ("rollout:\n  soak: 2 minutes", 10, "'2 minutes' is not a duration", "1m"),
    ("rollout:\n  max_error_percent: 101", 10, "at most 100", "max_error_percent"),
    ("triggers:\n  new_data: [flihgts]", 10, "'flihgts', which `data` does not declare", "'flights' instead of"),
    ("triggers:\n  new_data: [flights, flights]", 10, "twice", "Remove"),
    ("triggers:\n  cron: every day", 10, "2 fields instead of 5", "five fields"),
    ("triggers:\n  cron: 0 25 * * *", 10, "is not a schedule", "five fields"),
    ("triggers:\n  cron: 0 0 31 2 *", 10, "is not a schedule", "five fields"),
    ("triggers:\n  model_versions: 1", 10, "expected true or false, got 1", "model_versions"),
    ("exports: {metrics: mae}", 9, "expected a list", "`exports.metrics`"),
    ("exports: {data: true}", 9, "`exports.data` is not a known key", "`model`"),
    ("name: again", 9, "'name' stands twice (first in line 1)", "Remove"),
    ("stages: {}", 9, "`stages` is not a known key", "known keys at the top"),
]


@pytest.mark.parametrize("case", REPLACED, ids=lambda case: case[1])
def test_a_wrong_value_names_line_and_remedy(folder, case):
    old, new, line, message, hint = case
    assert old in MINIMAL
    error = fault(folder, MINIMAL.replace(old, new))
    assert error.where == f"{folder / 'scenario.yaml'}:{line}"
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(("added", "line", "message", "hint"), ADDED)
def test_a_wrong_addition_names_line_and_remedy(folder, added, line, message, hint):
    error = fault(folder, f"{MINIMAL}{added}\n")
    assert error.where == f"{folder / 'scenario.yaml'}:{line}"
    assert message in error.message
    assert hint in error.hint


def test_scale_settings_form_a_range(folder):
    text = MINIMAL.replace(
        "{name: small}\n", "\n  name: small\n  deployment:\n    scale_settings:\n      min_instances: 3\n"
    ).replace(
        "model: \n  name: small\n  deployment:\n    scale_settings:\n      min_instances: 3\n", "model: {name: m}\n"
    )
    error = fault(folder, text)
    assert error.where.endswith(":12")
    assert "min_instances 3 is above max_instances 1" in error.message


@pytest.mark.parametrize("content", ["[]", "{}", "5", "", "[1", "nul", b"\xff\xfe"])
def test_a_smoke_file_without_requests_is_refused_at_its_line(folder, content):
    (folder / "smoke.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    error = fault(
        folder,
        MINIMAL.replace("{name: small}\n", "{name: small}\n", 1).replace(
            "endpoint: {name: small}", "endpoint:\n  name: small\n  smoke:\n    requests: smoke.json"
        ),
    )
    assert error.where.endswith(":11")
    assert "smoke.json" in error.message


def test_all_cross_checks_are_listed_together(folder):
    error = fault(folder, f"{MINIMAL.replace('job: job.yaml', 'job: no.yaml')}rollout: {{steps: [5]}}\n")
    assert error.where.endswith(":5")
    assert "And 1 more" in error.message
    assert "scenario.yaml:9: `rollout.steps` ends at 5." in error.message


def test_a_password_in_a_uri_is_refused_and_not_shown(folder):
    uri = "https://user:hunter2@store.example/flights"
    error = fault(folder, MINIMAL.replace("{residency: anywhere}", f"{{residency: cloud, uri: '{uri}'}}"))
    assert error.where.endswith(":4")
    assert "hunter2" not in str(error)
    assert "secret:NAME" in error.hint


@pytest.mark.parametrize("pattern", list(Pattern))
def test_each_pattern_has_a_runnable_scenario_of_at_most_forty_lines(pattern):
    file = SCENARIOS / f"{pattern}.yaml"
    scenario = load_scenario(file)
    assert scenario.pattern is pattern
    assert len(file.read_text().splitlines()) <= 40
    assert scenario.endpoint.smoke.requests
    job = load_job(scenario.job)
    assert {name for name, item in job.inputs.items() if item.is_data} == set(scenario.data)
    assert scenario.model.output in job.outputs


@pytest.mark.parametrize("pattern", list(Pattern))
def test_a_new_scenario_is_valid(tmp_path, pattern):
    for path, text in new_scenario(pattern, "glucose").items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    scenario = load_scenario(tmp_path / "scenario.yaml")
    assert (scenario.name, scenario.pattern, scenario.model.name) == ("glucose", pattern, "glucose")
    job = load_job(scenario.job)
    assert (Path(job.code) / "train.py").is_file()
    assert job.inputs["patients"].path == scenario.data["patients"].uri
    assert scenario.model.output in job.outputs
    compile((tmp_path / "src" / "train.py").read_text(), "train.py", "exec")


@pytest.mark.parametrize("name", ["ab", "Glucose", "1st", "a_b", "a" * 33, "../x", ""])
def test_a_new_scenario_needs_a_name_that_can_be_an_endpoint(name):
    with pytest.raises(InputError) as caught:
        new_scenario(Pattern.PRIVATE_AKS, name)
    assert "3 to 32" in caught.value.hint

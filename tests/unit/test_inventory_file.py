"""Inventory files: what they become, where they are found, and what each fault says."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from landbridge.domain.errors import InputError
from landbridge.domain.inventory import EnvironmentEntry, Inventory, Role
from landbridge.domain.values import Pattern, Resources, SiteKind
from landbridge.files.inventory import find_inventory, load_inventory
from landbridge.files.scenario import load_scenario
from landbridge.files.templates import new_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"

MINIMAL = """\
name: small
sites:
  cloud: {kind: cloud}
  onprem: {kind: onprem}
datastores:
  lake: {site: cloud, url: data}
targets:
  rack: {site: onprem, driver: local, roles: [train]}
environments:
  - {name: "azureml:x:*", python: current}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "inventory.yaml"
    file.write_text(text)
    return file


def load(folder: Path, text: str) -> Inventory:
    return load_inventory(written(folder, text), "/state")


def fault(folder: Path, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        load(folder, text)
    return caught.value


def test_a_small_inventory_gets_the_documented_defaults(tmp_path):
    inventory = load(tmp_path, MINIMAL)
    assert (inventory.name, inventory.home) == ("small", "/state")
    assert inventory.path == str(tmp_path / "inventory.yaml")
    cloud = inventory.sites["cloud"]
    assert (cloud.kind, cloud.models, cloud.cache) == (
        SiteKind.CLOUD,
        *("/state/sites/cloud/models", "/state/sites/cloud/cache"),
    )
    assert cloud.cache_max_bytes == 20 * 2**30
    assert cloud.exports == {"model", "metrics", "code", "logs", "data"}
    assert cloud.registry is None
    assert not cloud.network.private
    assert inventory.datastores["lake"].url == str(tmp_path / "data")
    assert inventory.datastores["lake"].driver == "fsspec"
    rack = inventory.targets["rack"]
    assert (rack.cluster, rack.roles, rack.capacity) == ("rack", {Role.TRAIN}, Resources())


def test_every_key_reaches_the_domain(tmp_path):
    text = """\
$schema: x
name: big
sites:
  cloud:
    kind: cloud
    registry: {driver: mlflow, port: 5510, experiment: e}
    models: s3://bucket/models
    cache: {url: "${home}/c", max_size: 1Gi}
    network: {private: true, proxy: "http://p:1", egress: ["*.x"], endpoints: {api: a.internal}}
    exports: [model]
datastores:
  lake: {site: cloud, url: "${home}/lake", driver: other, options: {password: "secret:lake", anon: false, n: [1]}}
targets:
  rack:
    site: cloud
    driver: kubernetes
    roles: [train, serve]
    cluster: aks
    options: {context: "${home}/ctx", port: 1}
    instance_types:
      - name: gpu
        node_selector: {k: v}
        resources: {requests: {cpu: 700m, memory: 1500Mi}, limits: {cpu: "1", memory: 2Gi, nvidia.com/gpu: 1}}
      - {name: half, resources: {limits: {cpu: 1, nvidia.com/gpu: null}}}
    capacity: {cpu: 4, memory: 8Gi, gpu: 2}
    cost_per_hour: 1.5
    maintenance:
      - {reason: move, start: 2026-03-01T02:00:00Z, end: 2026-03-01T05:00:00+01:00}
      - {reason: weekly, days: [Sat, sunday], from: 22:00, to: "04:00"}
    drained: firmware
    private: true
environments:
  - {name: a, python: venv/bin/python, targets: ["ra*"]}
  - {name: b, image: "repo/image:1"}
"""
    inventory = load(tmp_path, text)
    cloud, rack = inventory.sites["cloud"], inventory.targets["rack"]
    assert cloud.registry is not None
    assert (cloud.registry.site, cloud.registry.driver) == ("cloud", "mlflow")
    assert cloud.registry.options == {"port": 5510, "experiment": "e"}
    assert (cloud.models, cloud.cache, cloud.cache_max_bytes) == ("s3://bucket/models", "/state/c", 2**30)
    assert (cloud.network.private, cloud.network.proxy, cloud.network.egress) == (True, "http://p:1", ("*.x",))
    assert cloud.network.endpoints == {"api": "a.internal"}
    assert cloud.exports == {"model"}
    lake = inventory.datastores["lake"]
    assert (lake.url, lake.driver) == ("/state/lake", "other")
    assert lake.options == {"password": "secret:lake", "anon": False, "n": [1]}
    assert (rack.cluster, rack.roles, rack.private, rack.drained) == ("aks", {Role.TRAIN, Role.SERVE}, True, "firmware")
    assert rack.options == {"context": "/state/ctx", "port": 1}
    gpu, half = rack.instance_types
    assert (gpu.node_selector, gpu.requests) == ({"k": "v"}, Resources(700, 1500 * 2**20, 0))
    assert gpu.limits == Resources(1000, 2 * 2**30, 1)
    assert half.requests == half.limits == Resources(1000, 0, 0)
    assert (rack.capacity, rack.cost_per_hour) == (Resources(4000, 8 * 2**30, 2), 1.5)
    single, weekly = rack.maintenance
    assert (single.reason, single.start) == ("move", datetime(2026, 3, 1, 2, tzinfo=UTC))
    assert single.end == datetime(2026, 3, 1, 4, tzinfo=UTC)
    assert (weekly.weekdays, weekly.opens, weekly.closes) == ({5, 6}, 22 * 60, 4 * 60)
    assert inventory.environments == (
        EnvironmentEntry("a", str(tmp_path / "venv/bin/python"), "", ("ra*",)),
        EnvironmentEntry("b", "", "repo/image:1", ()),
    )


def test_the_order_of_targets_is_the_order_of_the_file(tmp_path):
    more = MINIMAL.replace(
        "environments:",
        "  b: {site: cloud, driver: local, roles: [serve]}\n"
        "  a: {site: cloud, driver: local, roles: [serve]}\nenvironments:",
    )
    inventory = load(tmp_path, more)
    assert list(inventory.targets) == ["rack", "b", "a"]
    serving = inventory.serving_target("cloud")
    assert serving is not None
    assert serving.name == "b"


# text to replace in MINIMAL, its replacement, the line, words of the message, words of the hint
CASES = [
    ("name: small\n", "", 1, "`name` is missing", "Add `name:`"),
    ("name: small", "name: small\nsite: {}", 2, "`site` is not a known key", "`sites` instead of `site`"),
    ("  cloud: {kind: cloud}", "  cloud: {kind: clod}", 3, "one of 'cloud' or 'onprem', got 'clod'", "kind"),
    ("  cloud: {kind: cloud}", "  cloud: {}", 3, "`sites.cloud.kind` is missing", "Add `kind:` below `sites.cloud`"),
    ("  cloud: {kind: cloud}", "  Cloud: {kind: cloud}", 3, "'Cloud' is not a legal name", "lower-case"),
    ("{kind: cloud}", "{kind: cloud, exports: [modle]}", 3, "`sites.cloud.exports[0]`", "'model'"),
    ("{kind: cloud}", "{kind: cloud, exports: [data, data]}", 3, "'data' twice", "Remove"),
    ("{kind: cloud}", "{kind: cloud, cache: {max_size: lots}}", 3, "an amount of memory", "512Mi"),
    ("{kind: cloud}", "{kind: cloud, registry: {port: 1}}", 3, "driver` is missing", "Add `driver:`"),
    ("{kind: cloud}", "{kind: cloud, registry: {driver: m, port: 70000}}", 3, "at most 65535", "port"),
    ("{kind: cloud}", "{kind: cloud, registry: {driver: m, port: 1, uri: x}}", 3, "both `port` and `uri`", "Keep"),
    ("{kind: cloud}", "{kind: cloud, registry: {driver: m, uri: x, address: 10.0.0.1}}", 3, "without a `port`", "add"),
    (
        "{kind: cloud}",
        "{kind: cloud, registry: {driver: m, port: 1, address: 0.0.0.0}}",
        3,
        "0.0.0.0",
        "one IP address",
    ),
    (
        "{kind: cloud}",
        "{kind: cloud, registry: {driver: m, port: 1, address: here}}",
        3,
        "no IP address",
        "one IP address",
    ),
    ("{kind: cloud}", "{kind: cloud, registry: {driver: m, token: abcdef}}", 3, "holds a secret", "secret:NAME"),
    ("{kind: cloud}", "{kind: cloud, network: {endpoints: {a: x, b: x}}}", 3, "same address", "Keep one"),
    ("{kind: cloud}", "{kind: cloud, network: {proxy: 'http://u:pw@p:1'}}", 3, "credential inside", "secret:NAME"),
    ("{kind: cloud}", "{kind: cloud, network: {privat: true}}", 3, "`sites.cloud.network.privat`", "`private`"),
    ("lake: {site: cloud", "lake: {site: clowd", 6, "no site 'clowd'", "'cloud' instead of 'clowd'"),
    ("lake: {site: cloud", "lake: {site: moon", 6, "no site 'moon'", "Use one of: cloud, onprem"),
    ("url: data", "url: '${HOME}/x'", 6, "holds ${HOME}, which means nothing", "${home}"),
    ("url: data", "url: '${home'", 6, "holds ${home", "${home}"),
    ("url: data", "url: data, options: {x: '${inputs.x}'}", 6, "${inputs.x}", "${home}"),
    ("url: data", "url: 's3://key:hunter2@host/x'", 6, "credential inside", "secret:NAME"),
    ("url: data", "url: 'https://x.blob/y?sv=1&sig=hunter2'", 6, "credential inside", "secret:NAME"),
    ("url: data", "url: data, options: {password: hunter2}", 6, "holds a secret", "secret:NAME"),
    ("url: data", "url: data, options: {account_key: hunter2}", 6, "holds a secret", "secret:NAME"),
    ("url: data", "url: data, options: {a: {sas_token: hunter2}}", 6, "holds a secret", "secret:NAME"),
    ("url: data", "url: data, options: {a: [{secret: hunter2}]}", 6, "holds a secret", "secret:NAME"),
    ("url: data", "url: data, options: {connectionString: hunter2}", 6, "holds a secret", "secret:NAME"),
    ("url: data", "url: data, options: {password: 12345}", 6, "holds a secret", "secret:NAME"),
    ("url: data", "url: data, options: {password: 'secret:'}", 6, "holds a secret", "secret:NAME"),
    ("url: data", "url: data, options: {x: 'A=1;AccountKey=hunter2'}", 6, "credential inside", "secret:NAME"),
    ("url: data", "", 6, "`datastores.lake.url` is missing", "Add `url:`"),
    ("site: onprem,", "site: onpremise,", 8, "`targets.rack.site`: there is no site", "'onprem' instead of"),
    ("roles: [train]", "roles: []", 8, "count of at least 1", "roles"),
    ("roles: [train]", "roles: [training]", 8, "one of 'train' or 'serve'", "roles[0]"),
    ("roles: [train]", "roles: [train, train]", 8, "'train' twice", "Remove"),
    ("roles: [train]", "role: [train]", 8, "`targets.rack.role` is not a known key", "`roles`"),
    ("roles: [train]", "roles: [train], drained: true", 8, "expected text, got true", "drained"),
    ("roles: [train]", "roles: [train], cost_per_hour: free", 8, "expected a number, got 'free'", "cost_per_hour"),
    ("roles: [train]", "roles: [train], cost_per_hour: -1", 8, "at least 0", "cost_per_hour"),
    ("roles: [train]", "roles: [train], capacity: {gpu: 1.5}", 8, "number of GPUs", "whole number"),
    ("roles: [train]", "roles: [train], options: {token: abc}", 8, "holds a secret", "secret:NAME"),
    ("  rack:", "  rack_1:", 8, "'rack_1' is not a legal name", "dashes"),
    (
        "  rack: {",
        "  two: {site: cloud, driver: l, roles: [serve], cluster: rack}\n  rack: {",
        9,
        "at two sites",
        "same",
    ),
    ("python: current", "", 10, "neither `python` nor `image`", "exactly one"),
    ("python: current", "python: current, image: x", 10, "both `python` and `image`", "exactly one"),
    ("python: current", "python: current, targets: [rak]", 10, "no target is called 'rak'", "'rack' instead of"),
    ("python: current", "python: current, targets: ['x-*']", 10, "no target is called 'x-*'", "rack"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[1])
def test_a_wrong_value_names_line_and_remedy(tmp_path, case):
    old, new, line, message, hint = case
    assert old in MINIMAL
    error = fault(tmp_path, MINIMAL.replace(old, new, 1))
    assert error.where == f"{tmp_path / 'inventory.yaml'}:{line}"
    assert message in error.message
    assert hint in error.hint
    assert "hunter2" not in str(error)


WINDOW = MINIMAL.replace("roles: [train]}", "roles: [train],\n    maintenance: [\n      {WINDOW}]}")


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("reason: x", "neither a single nor a weekly"),
        ("reason: x, start: 2026-01-01T00:00:00Z", "neither a single nor a weekly"),
        ("reason: x, days: [Sat], from: '02:00'", "neither a single nor a weekly"),
        ("reason: x, days: [Sat], start: 2026-01-01T00:00:00Z, end: 2026-01-02T00:00:00Z", "neither a single"),
        ("reason: x, start: 2026-01-02T00:00:00Z, end: 2026-01-01T00:00:00Z", "ends before it starts"),
        ("reason: x, start: 2026-01-02T00:00:00, end: 2026-01-03T00:00:00Z", "expected a date and time with its zone"),
        ("reason: x, start: soon, end: 2026-01-03T00:00:00Z", "expected a date and time with its zone"),
        ("reason: x, days: [Funday], from: '02:00', to: '03:00'", "'Funday' is not a day"),
        ("reason: x, days: [], from: '02:00', to: '03:00'", "count of at least 1"),
        ("reason: x, days: [Sat], from: 2am, to: '03:00'", "'2am' is not a time of day"),
        ("reason: x, days: [Sat], from: '24:00', to: '03:00'", "starts at 24:00"),
        ("days: [Sat], from: '02:00', to: '03:00'", "reason` is missing"),
    ],
)
def test_a_wrong_maintenance_window_is_refused_at_its_line(tmp_path, window, message):
    error = fault(tmp_path, WINDOW.replace("WINDOW", window))
    assert error.where.endswith("inventory.yaml:10")
    assert message in error.message


TYPES = MINIMAL.replace("roles: [train]}", "roles: [train],\n    instance_types: [\n      {TYPE}]}")


@pytest.mark.parametrize(
    ("instance_type", "message"),
    [
        ("name: a, resources: {}", "has no resources"),
        ("name: a", "resources` is missing"),
        ("name: a, resources: {limits: {cpus: 1}}", "cpus` is not a known key"),
        ("name: a, resources: {limits: {memory: 1GB}}", "unit 'GB'"),
        ("name: a, resources: {limits: {nvidia.com/gpu: one}}", "number of GPUs"),
        ("name: a, resources: {requests: {cpu: 2}, limits: {cpu: 1}}", "requests.cpu` is above the limit"),
        ("name: a, nodeSelector: {a: b}, resources: {limits: {cpu: 1}}", "nodeSelector` is not a known key"),
        ("name: a, resources: {limits: {cpu: 1}}}, {name: a, resources: {limits: {cpu: 1}}", "'a' twice"),
    ],
)
def test_a_wrong_instance_type_is_refused_at_its_line(tmp_path, instance_type, message):
    error = fault(tmp_path, TYPES.replace("TYPE", instance_type))
    assert error.where.endswith("inventory.yaml:10")
    assert message in error.message


def test_two_services_cannot_have_one_port(tmp_path):
    text = MINIMAL.replace("{kind: onprem}", "{kind: onprem, registry: {driver: mlflow, port: 8190}}").replace(
        "roles: [train]}", "roles: [serve], options: {port: 8190}}"
    )
    error = fault(tmp_path, text)
    assert error.where.endswith(":8")
    assert "Port 8190 is taken by `sites.onprem.registry.port`" in error.message


@pytest.mark.parametrize("port", ["any", "0"])
def test_any_free_port_may_stand_more_than_once(tmp_path, port):
    registry = f"registry: {{driver: mlflow, port: {port}}}"
    text = MINIMAL.replace("{kind: onprem}", f"{{kind: onprem, {registry}}}").replace(
        "{kind: cloud}", f"{{kind: cloud, {registry}}}"
    )
    inventory = load(tmp_path, text)
    options = [site.registry.options["port"] for site in inventory.sites.values() if site.registry]
    assert [str(option) for option in options] == [port, port]


def test_the_name_of_a_clusters_secret_is_no_secret(tmp_path):
    text = MINIMAL.replace("roles: [train]}", "roles: [train], options: {storage_secret: store}}")
    assert load(tmp_path, text).targets


def test_all_faults_are_listed(tmp_path):
    error = fault(tmp_path, MINIMAL.replace("site: cloud", "site: a").replace("site: onprem", "site: b"))
    assert error.where.endswith(":6")
    assert "And 1 more" in error.message
    assert "inventory.yaml:8" in error.message


def test_given_beats_variable_beats_neighbour(tmp_path, monkeypatch):
    scenario = tmp_path / "scenarios" / "s.yaml"
    scenario.parent.mkdir()
    monkeypatch.delenv("LANDBRIDGE_INVENTORY", raising=False)
    with pytest.raises(InputError) as caught:
        find_inventory(scenario, None)
    places = [
        *("scenarios/inventory.yaml", "scenarios/inventories/local.yaml", "inventories/local.yaml"),
    ]
    for place in reversed(places):
        assert str(tmp_path / place) in caught.value.message
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("")
        assert find_inventory(scenario, None) == tmp_path / place
    variable, given = tmp_path / "variable.yaml", tmp_path / "given.yaml"
    variable.write_text("")
    given.write_text("")
    monkeypatch.setenv("LANDBRIDGE_INVENTORY", str(variable))
    assert find_inventory(scenario, None) == variable
    assert find_inventory(scenario, str(given)) == given


def test_a_named_inventory_must_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_INVENTORY", str(tmp_path / "none.yaml"))
    with pytest.raises(InputError, match=r"\$LANDBRIDGE_INVENTORY"):
        find_inventory(tmp_path / "s.yaml", None)
    with pytest.raises(InputError, match="--inventory"):
        find_inventory(tmp_path / "s.yaml", "nowhere.yaml")


def test_a_relative_home_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_inventory(written(tmp_path, MINIMAL), "state").home == str(tmp_path / "state")


@pytest.mark.parametrize("pattern", list(Pattern))
@pytest.mark.parametrize("name", ["local", "company"])
def test_the_committed_inventories_serve_every_committed_scenario(name, pattern):
    scenario = load_scenario(SCENARIOS / f"{pattern}.yaml")
    inventory = load_inventory(SCENARIOS / "inventories" / f"{name}.yaml", "/state")
    fits(scenario, inventory)


@pytest.mark.parametrize("pattern", list(Pattern))
def test_a_new_inventory_serves_its_scenario(tmp_path, pattern):
    for path, text in new_scenario(pattern, "glucose").items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    scenario_file = tmp_path / "scenario.yaml"
    inventory = load_inventory(find_inventory(scenario_file, None), "/state")
    fits(load_scenario(scenario_file), inventory)


def fits(scenario, inventory):
    """Every name that the scenario uses is in the inventory."""
    known = {*inventory.sites, *(site.kind for site in inventory.sites.values())}
    for asset in scenario.data.values():
        assert asset.uri.split("/")[3] in inventory.datastores
        assert asset.residency <= known
    for word in scenario.endpoint.sites:
        assert any(
            inventory.serving_target(site.name) for site in inventory.sites.values() if word in (site.name, site.kind)
        )
    assert scenario.model.registry in {"", *inventory.sites}

"""What the doctor says of what it read: a pass, a failure with a remedy, or that it could not look."""

from typing import Any

import pytest

from landbridge.domain.inventory import InstanceType
from landbridge.domain.operating import Diagnosis, Verdict
from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes import operating_judges as judges
from landbridge.drivers.kubernetes.operating_judges import GatewayView
from landbridge.drivers.kubernetes.operating_probe import Probe, rows
from landbridge.drivers.kubernetes.operating_review import off_by
from landbridge.drivers.kubernetes.operating_rights import Right
from landbridge.drivers.kubernetes.operating_types import Stock, judge_type, read_node
from tests.unit.kubernetes.operated import node

SMALL = InstanceType("small", Resources(500, 1 << 30), Resources(1000, 2 << 30))


def fails(row: Diagnosis, words: str) -> None:
    assert row.verdict is Verdict.FAIL
    assert words in row.why
    assert row.remedy.endswith(".")


def passes(row: Diagnosis, words: str = "") -> None:
    assert row.verdict is Verdict.PASS, row
    assert words in row.why
    assert row.remedy == ""


class TestVersions:
    @pytest.mark.parametrize(
        ("version", "good"), [("v1.28.9", False), ("v1.29.0", True), ("v1.34.4+k3s1", True), ("", False)]
    )
    def test_an_old_api_server_fails(self, version: str, good: bool) -> None:
        row = judges.judge_version({"gitVersion": version})
        passes(row, version) if good else fails(row, "1.29 is the oldest")

    def test_a_newer_one_than_was_tried_passes_and_says_so(self) -> None:
        passes(judges.judge_version({"gitVersion": "v1.99.0"}), "newer than 1.34")

    @pytest.mark.parametrize(
        ("kubelet", "good"), [("v1.34.0", True), ("v1.31.9", True), ("v1.30.1", False), ("v1.35.0", False)]
    )
    def test_a_kubelet_is_at_most_three_minors_older_and_never_newer(self, kubelet: str, good: bool) -> None:
        row = judges.judge_skew("v1.34.4", {"a": "v1.34.4", "b": kubelet})
        passes(row) if good else fails(row, "1 of 2 kubelets")


class TestRights:
    RIGHT = Right("batch", "jobs", ("create", "get"), "training jobs")

    def test_a_missing_verb_is_named_with_what_it_is_for(self) -> None:
        fails(judges.judge_right(self.RIGHT, ["create"], "train"), "may not create, which is for: training jobs")
        passes(judges.judge_right(self.RIGHT, [], "train"), "create, get")

    def test_an_administrator_is_too_much(self) -> None:
        fails(judges.judge_excess(["list secrets (every team's secrets)"], "train"), "every team's secrets")
        passes(judges.judge_excess([], "train"))

    def test_a_remedy_is_a_command_that_exists(self) -> None:
        assert "`landbridge ops namespaces apply train`" in judges.judge_right(self.RIGHT, ["get"], "train").remedy


class TestNamespace:
    def test_it_is_there_or_not(self) -> None:
        fails(judges.judge_namespace("team-a", None), "no namespace 'team-a'")
        passes(judges.judge_namespace("team-a", {"metadata": {}, "status": {"phase": "Active"}}), "Active")
        fails(judges.judge_namespace("team-a", {"metadata": {"deletionTimestamp": "now"}}), "being deleted")

    @pytest.mark.parametrize(
        ("level", "good"), [("restricted", True), ("baseline", True), ("privileged", False), (None, False)]
    )
    def test_a_pod_security_level_is_enforced(self, level: str | None, good: bool) -> None:
        labels = {"pod-security.kubernetes.io/enforce": level} if level else {}
        row = judges.judge_security({"metadata": {"labels": labels}})
        passes(row) if good else fails(row, level or "nothing")


class TestQuota:
    @pytest.mark.parametrize(
        ("hard", "used", "full"),
        [
            ({"pods": "10"}, {"pods": "9"}, ""),
            ({"pods": "10"}, {"pods": "10"}, "pods: 10 of 10"),
            ({"requests.cpu": "2"}, {"requests.cpu": "1950m"}, "requests.cpu: 1950m of 2"),
            ({"requests.memory": "4Gi"}, {"requests.memory": "3Gi"}, "requests.memory"),
            ({"requests.nvidia.com/gpu": "0"}, {"requests.nvidia.com/gpu": "0"}, ""),
            ({"count/jobs.batch": "1"}, {"count/jobs.batch": "1"}, "count/jobs.batch"),
            ({"services.loadbalancers": "0"}, {}, ""),
        ],
    )
    def test_it_is_full_when_not_even_the_default_instance_fits(self, hard: Any, used: Any, full: str) -> None:
        row = judges.judge_quota({"metadata": {"name": "q"}, "status": {"hard": hard, "used": used}})
        fails(row, full) if full else passes(row)


class TestGateway:
    @staticmethod
    def gateway(**changes: Any) -> dict[str, Any]:
        listener = {
            "name": "http",
            "protocol": "HTTP",
            "allowedRoutes": {"namespaces": changes.pop("spaces", {"from": "All"})},
        }
        status = {
            "conditions": [{"type": "Programmed", "status": changes.pop("programmed", "True"), "message": "no pods"}],
            "addresses": [{"value": "10.0.0.9"}],
        }
        return {"spec": {"listeners": [listener]}, "status": {**status, **changes}}

    @staticmethod
    def view(found: Any, accepted: str | None = "True") -> GatewayView:
        conditions = [{"type": "Accepted", "status": accepted}]
        kind = {"metadata": {"name": "envoy"}, "status": {"conditions": conditions}} if accepted else None
        return GatewayView("edge/main", found, kind, "team-a", {"team": "a"})

    @pytest.mark.parametrize(
        "spaces",
        [
            {"from": "All"},
            {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}},
            {
                "from": "Selector",
                "selector": {"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}]},
            },
            {"from": "Selector", "selector": {"matchExpressions": [{"key": "closed", "operator": "DoesNotExist"}]}},
        ],
    )
    def test_a_listener_that_lets_us_in_passes(self, spaces: Any) -> None:
        passes(judges.judge_gateway(self.view(self.gateway(spaces=spaces))), "10.0.0.9")

    @pytest.mark.parametrize(
        ("spaces", "words"),
        [
            ({"from": "Same"}, "takes routes of namespace edge only"),
            ({}, "takes routes of namespace edge only"),
            ({"from": "None"}, "takes no routes"),
            ({"from": "Selector", "selector": {"matchLabels": {"team": "b"}}}, "other labels"),
            (
                {
                    "from": "Selector",
                    "selector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]},
                },
                "other",
            ),
        ],
    )
    def test_a_listener_for_others_fails(self, spaces: Any, words: str) -> None:
        fails(judges.judge_gateway(self.view(self.gateway(spaces=spaces))), words)

    def test_each_way_to_be_absent_has_its_words(self) -> None:
        fails(judges.judge_gateway(self.view(None)), "there is no Gateway edge/main")
        fails(judges.judge_gateway(self.view(self.gateway(), accepted="False")), "class envoy is not accepted")
        fails(judges.judge_gateway(self.view(self.gateway(programmed="False"))), "no pods")
        fails(judges.judge_gateway(self.view(self.gateway(addresses=[]))), "no address")
        tcp = {**self.gateway(), "spec": {"listeners": [{"name": "t", "protocol": "TCP"}]}}
        fails(judges.judge_gateway(self.view(tcp)), "speaks TCP")
        fails(judges.judge_gateway(self.view({**self.gateway(), "spec": {}})), "no listeners")

    def test_a_class_that_may_not_be_seen_is_no_failure(self) -> None:
        passes(judges.judge_gateway(self.view(self.gateway(), accepted=None)))


class TestClocks:
    @pytest.mark.parametrize(
        ("theirs", "skew"), [(100.0, 0.0), (99.0, 0.0), (110.0, 0.0), (150.0, 40.0), (50.0, -49.0)]
    )
    def test_a_clock_is_off_only_beyond_the_time_of_asking(self, theirs: float, skew: float) -> None:
        assert off_by(theirs, 100.0, 110.0) == skew

    def test_beyond_half_a_minute_it_fails(self) -> None:
        passes(judges.judge_clock("clock", -29.0))
        fails(judges.judge_clock("clock", 45.0), "45 s ahead")
        fails(judges.judge_clock("clock", -45.0), "45 s behind")


class TestInstanceTypes:
    @staticmethod
    def judge(
        declared: InstanceType, *nodes: Any, more: Any = None, cluster: tuple[InstanceType, ...] = (SMALL,)
    ) -> Diagnosis:
        seen = tuple(map(read_node, nodes))
        return judge_type(declared, Stock({item.name: item for item in cluster}, seen, "train", more or {}))

    def test_one_that_is_there_and_fits_passes(self) -> None:
        passes(self.judge(SMALL, node("a"), node("b", ready="False")), "1 node takes it")

    def test_a_misspelt_one_names_the_nearest(self) -> None:
        fails(self.judge(InstanceType("smal", SMALL.requests, SMALL.limits), node("a")), "did you mean 'small'")

    def test_one_that_the_cluster_has_otherwise_tells_both(self) -> None:
        other = InstanceType("small", Resources(700, 1 << 30), SMALL.limits)
        fails(
            self.judge(other, node("a")),
            "requests are 0.5 CPUs and 1 GiB memory, declared are 0.7 CPUs and 1 GiB memory",
        )

    def test_a_selector_that_no_node_has_names_the_values_that_are_there(self) -> None:
        gpu = InstanceType("gpu", SMALL.requests, SMALL.limits, {"accelerator": "nvidia-a30"})
        row = self.judge(gpu, node("a", {"accelerator": "nvidia-a3"}), cluster=(gpu,))
        fails(row, "the label accelerator is 'nvidia-a3', wanted is 'nvidia-a30'")
        assert "did you mean 'nvidia-a3'" in row.remedy
        row = self.judge(gpu, node("a", {"acelerator": "nvidia-a30"}), cluster=(gpu,))
        assert "did you mean 'acelerator'" in row.remedy

    def test_a_node_that_is_too_small_cordoned_or_tainted_does_not_count(self) -> None:
        fails(self.judge(SMALL, node("a", allocatable={"cpu": "250m"})), "it has 1 GPU, 0.25 CPUs")
        fails(self.judge(SMALL, node("a", unschedulable=True)), "cordoned or not ready")
        fails(
            self.judge(SMALL, node("a", taints=[{"key": "gpu", "value": "x", "effect": "NoSchedule"}])), "taint gpu=x"
        )
        fails(self.judge(SMALL), "the cluster has no nodes")

    @pytest.mark.parametrize(
        ("taint", "more"),
        [
            ({"key": "ml.azure.com/amlarc", "value": "true", "effect": "NoSchedule"}, {}),
            ({"key": "ml.azure.com/compute", "value": "train", "effect": "NoExecute"}, {}),
            (
                {"key": "gpu", "value": "x", "effect": "NoSchedule"},
                {"tolerations": [{"key": "gpu", "operator": "Exists"}]},
            ),
            ({"key": "gpu", "value": "x", "effect": "NoSchedule"}, {"tolerations": [{"key": "gpu", "value": "x"}]}),
            ({"key": "gpu", "effect": "PreferNoSchedule"}, {}),
        ],
    )
    def test_a_taint_that_pods_tolerate_is_none(self, taint: Any, more: Any) -> None:
        passes(self.judge(SMALL, node("a", taints=[taint]), more=more))

    def test_a_selector_of_the_target_must_match_too(self) -> None:
        fails(
            self.judge(SMALL, node("a"), more={"node_selector": {"pool": "ml"}}),
            "the label pool is None, wanted is 'ml'",
        )
        gpu = InstanceType("gpu", SMALL.requests, SMALL.limits, {"pool": "gpu"})
        row = self.judge(gpu, node("a", {"pool": "gpu"}), more={"node_selector": {"pool": "ml"}}, cluster=(gpu,))
        fails(row, "nothing is both")

    def test_nodes_that_may_not_be_seen_are_told_apart_from_none(self) -> None:
        row = judge_type(SMALL, Stock({"small": SMALL}, None, "train", {}))
        assert row.verdict is Verdict.UNSEEN
        assert "--kubeconfig" in row.remedy


class TestProbe:
    ASKED = Probe("p", "image:1", {"get": {}, "put": {}}, 60.0)

    def rows(self, private: bool = False, **seen: Any) -> dict[str, Diagnosis]:
        answer = {
            "time": 105.0,
            "uid": 1000,
            "python": "3.11",
            "names": {},
            "reached": {},
            "direct": {},
            "get": "",
            "put": "",
        }
        return {row.name: row for row in rows({**answer, **seen}, self.ASKED, private, (100.0, 110.0))}

    def test_each_part_of_the_answer_is_a_row(self) -> None:
        found = self.rows(
            names={"a": ["1"], "b": []}, reached={"http://x": "", "y:1": "timed out"}, get="HTTP 403", time=200.0
        )
        passes(found["probe job"], "image:1")
        fails(found["DNS from pods"], "no address for b")
        passes(found["from pods: http://x"])
        fails(found["from pods: y:1"], "timed out")
        fails(found["storage: a pod reads"], "HTTP 403")
        passes(found["storage: a pod writes"])
        fails(found["node's clock"], "90 s ahead")

    def test_an_open_way_out_fails_in_a_private_site(self) -> None:
        api = "kubernetes.default.svc:443"
        found = self.rows(private=True, direct={api: "", "1.1.1.1:443": ""})
        fails(found["no way out to 1.1.1.1:443"], "reached it")
        fails(found["network policy"], "not enforced")
        found = self.rows(private=True, direct={api: "timed out", "1.1.1.1:443": "no route"})
        passes(found["no way out to 1.1.1.1:443"], "no route")
        passes(found["network policy"])
        passes(self.rows(direct={api: ""})["network policy"], "rights alone")

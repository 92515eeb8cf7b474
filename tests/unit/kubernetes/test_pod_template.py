"""What every pod of ours has, whatever it does."""

from dataclasses import replace

import pytest

from landbridge.domain.errors import InputError
from landbridge.domain.inventory import InstanceType, Role, Target
from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.pod_template import (
    Container,
    Pod,
    instance_type,
    merge,
    mirrored,
    pod_template,
    proxy_variables,
    resources_of,
    split_labels,
)

GPU = InstanceType("gpu", Resources(4000, 16 << 30, 1), Resources(8000, 32 << 30, 1), {"accelerator": "a30"})
TARGET = Target("arc-train", "onprem", "kubernetes", frozenset({Role.TRAIN}), "leipzig", instance_types=(GPU,))
OPTIONS = KubernetesOptions("ml-train")
MAIN = Pod((Container("main", "example.test/train:1", ("run",), {"A": "b"}),), labels={"app": "x"})


def spec(pod: Pod = MAIN, **options: object) -> dict:  # type: ignore[type-arg]
    made = pod_template(pod, TARGET, replace(OPTIONS, **options))  # type: ignore[arg-type]
    return made["spec"]  # type: ignore[return-value]


def test_it_passes_the_restricted_standard() -> None:
    made = spec()
    assert made["securityContext"]["runAsNonRoot"] is True
    assert made["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in made["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert made["automountServiceAccountToken"] is False


def test_labels_say_whose_it_is() -> None:
    made = pod_template(MAIN, TARGET, OPTIONS)
    assert made["metadata"]["labels"] == {  # type: ignore[call-overload, index]
        "app.kubernetes.io/managed-by": "landbridge", "landbridge.io/target": "arc-train",
        "landbridge.io/site": "onprem", "app": "x",
    }  # fmt: skip


def test_an_instance_type_gives_resources_and_nodes() -> None:
    made = spec(replace(MAIN, instance_type="gpu"))
    assert made["nodeSelector"] == {"accelerator": "a30"}
    assert made["containers"][0]["resources"] == {
        "requests": {"cpu": "4000m", "memory": str(16 << 30)},
        "limits": {"cpu": "8000m", "memory": str(32 << 30), "nvidia.com/gpu": "1"},
    }


def test_without_a_type_the_default_one_counts() -> None:
    assert spec()["containers"][0]["resources"]["limits"] == {"cpu": "2000m", "memory": str(2 << 30)}


def test_what_is_asked_for_without_a_type_is_requested_exactly() -> None:
    made = resources_of(instance_type("", Resources(500, 1 << 20), TARGET))
    assert made == {"requests": {"cpu": "500m", "memory": str(1 << 20)}, "limits": {"memory": str(256 << 20)}}


def test_an_unknown_type_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'gpu'"):
        spec(replace(MAIN, instance_type="gpus"))


def test_selectors_of_type_and_target_must_agree() -> None:
    assert spec(replace(MAIN, instance_type="gpu"), node_selector={"pool": "ml"})["nodeSelector"] == {
        "accelerator": "a30", "pool": "ml",
    }  # fmt: skip
    with pytest.raises(InputError, match="none is both"):
        spec(replace(MAIN, instance_type="gpu"), node_selector={"accelerator": "h100"})


def test_azures_workload_taints_are_tolerated_and_lost_nodes_not_for_long() -> None:
    made = spec(tolerations=({"key": "mine", "operator": "Exists"},))["tolerations"]
    keys = [item["key"] for item in made]
    assert keys[:3] == ["ml.azure.com/amlarc", "ml.azure.com/amlarc-workload", "ml.azure.com/compute"]
    assert keys[-1] == "mine"
    assert [item["tolerationSeconds"] for item in made if item.get("effect") == "NoExecute"] == [60, 60]


def test_mirrors_the_longest_prefix_wins() -> None:
    mirrors = {"docker.io/": "mirror.test/hub/", "docker.io/team/": "mirror.test/team/"}
    assert mirrored("docker.io/team/x:1", mirrors) == "mirror.test/team/x:1"
    assert mirrored("docker.io/library/x:1", mirrors) == "mirror.test/hub/library/x:1"
    assert mirrored("quay.test/x", mirrors) == "quay.test/x"


def test_proxy_and_ca_reach_the_pod_and_the_cluster_stays_direct() -> None:
    made = spec(proxy={"http": "http://p:3128", "no_proxy": "10.0.0.0/8"}, ca_bundle="company-ca")["containers"][0]
    values = {item["name"]: item["value"] for item in made["env"]}
    assert values["HTTP_PROXY"] == values["http_proxy"] == "http://p:3128"
    assert values["NO_PROXY"].startswith("10.0.0.0/8,localhost")
    assert ".svc" in values["no_proxy"]
    assert "https_proxy" not in values
    assert values["SSL_CERT_FILE"] == "/etc/landbridge/ca/ca.crt"
    assert {"name": "ca-bundle", "mountPath": "/etc/landbridge/ca", "readOnly": True} in made["volumeMounts"]
    assert proxy_variables(OPTIONS) == {}


def test_overrides_merge_as_kubernetes_does_and_null_removes() -> None:
    overrides = {
        "metadata": {"labels": {"cost-centre": "7"}},
        "spec": {
            "securityContext": {"runAsUser": None},
            "hostUsers": False,
            "containers": [
                {"name": "main", "env": [{"name": "B", "value": "c"}], "envFrom": [{"secretRef": {"name": "s"}}]}
            ],
        },
    }
    made = pod_template(MAIN, TARGET, replace(OPTIONS, overrides=overrides))
    assert made["metadata"]["labels"]["app"] == "x"  # type: ignore[call-overload, index]
    assert made["metadata"]["labels"]["cost-centre"] == "7"  # type: ignore[call-overload, index]
    container = made["spec"]["containers"][0]  # type: ignore[call-overload, index]
    assert "runAsUser" not in made["spec"]["securityContext"]  # type: ignore[operator, call-overload, index]
    assert container["env"] == [{"name": "A", "value": "b"}, {"name": "B", "value": "c"}]  # type: ignore[call-overload, index]
    assert container["command"] == ["run"]  # type: ignore[call-overload, index]


def test_lists_without_a_key_are_replaced() -> None:
    assert merge({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}) == {"tolerations": [{"key": "b"}]}
    assert merge({"a": 1}, {"b": {"c": None, "d": 2}}) == {"a": 1, "b": {"d": 2}}


def test_values_that_are_no_labels_become_annotations() -> None:
    labels, annotations = split_labels(
        {"landbridge.scenario": "flights", "landbridge.note": "two words", "landbridge.long": "a" * 64}
    )
    assert labels == {"landbridge.io/scenario": "flights"}
    assert set(annotations) == {"landbridge.io/note", "landbridge.io/long"}


def test_what_kubernetes_would_expand_arrives_as_it_was_written() -> None:
    pod = Pod((Container("main", "x", ("sh", "-c", "kill $$; echo $(HOME) ${HOME}"), {"A": "$(B)"}),))
    made = spec(pod)["containers"][0]
    assert made["command"][2] == "kill $$$$; echo $$(HOME) $${HOME}"
    assert made["env"] == [{"name": "A", "value": "$$(B)"}]

"""Files with Azure ML's InstanceType: what is taken, and what is refused with its line."""

from pathlib import Path

import pytest

from landbridge.domain.errors import InputError
from landbridge.domain.values import Resources
from landbridge.files.instance_types import declared_types, load_instance_types
from tests.unit.kubernetes.operated import inventory

ONE = """\
apiVersion: amlarc.azureml.com/v1alpha1
kind: InstanceType
metadata:
  name: myinstancetypename
  labels: {owner: it}
spec:
  nodeSelector:
    mylabel: mylabelvalue
  resources:
    limits: {cpu: "1", nvidia.com/gpu: 1, memory: "2Gi"}
    requests: {cpu: "700m", memory: "1500Mi"}
"""
MANY = """\
apiVersion: amlarc.azureml.com/v1alpha1
kind: InstanceTypeList
items:
  - metadata: {name: cpusmall}
    spec:
      resources:
        requests: {cpu: 100m, memory: 100Mi}
        limits: {cpu: 1, memory: 1Gi}
  - metadata: {name: defaultinstancetype}
    spec:
      resources:
        requests: {cpu: 1, memory: 1Gi}
        limits: {cpu: 1, memory: 1Gi, nvidia.com/gpu: null}
"""


def load(tmp_path: Path, text: str) -> object:
    path = tmp_path / "types.yaml"
    path.write_text(text)
    return load_instance_types(path)


def test_one_is_read_as_the_documentation_writes_it(tmp_path: Path) -> None:
    [found] = load(tmp_path, ONE)  # type: ignore[misc]
    assert found.requests == Resources(700, 1500 << 20)
    assert found.limits == Resources(1000, 2 << 30, 1)
    assert dict(found.node_selector) == {"mylabel": "mylabelvalue"}


def test_a_list_is_read_and_a_null_gpu_is_none(tmp_path: Path) -> None:
    found = load(tmp_path, MANY)
    assert [(item.name, item.limits.gpus) for item in found] == [("cpusmall", 0), ("defaultinstancetype", 0)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("nodeSelector", "nodeSelecter", 7, "Write `nodeSelector`"),
        ("v1alpha1", "v1", 1, "expected one of 'amlarc.azureml.com/v1alpha1'"),
        ("kind: InstanceType", "kind: InstanceTipe", 2, "expected one of 'InstanceType'"),
        ("myinstancetypename", "My_Type", 4, "no legal name|not a legal name"),
        ('cpu: "700m"', 'cpu: "0"', 11, "cpu is zero"),
        ('cpu: "700m"', 'cpu: "70x"', 11, "unit 'x'"),
        ('memory: "1500Mi"', 'memory: "15Go"', 11, "unit 'Go'"),
        ('cpu: "700m", ', "", 11, "`spec.resources.requests.cpu` is missing"),
        ('cpu: "700m"', 'cpu: "1200m"', 9, "requests.cpu is more than limits.cpu"),
        ("nvidia.com/gpu: 1", "nvidia.com/gpu: half", 10, "number of GPUs"),
        ('memory: "1500Mi"}', 'memory: "1500Mi", nvidia.com/gpu: 1}', 11, "not a known key"),
        ("mylabelvalue", "[a]", 8, "expected text"),
    ],
)
def test_a_broken_rule_is_told_with_its_line(old: str, new: str, line: int, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words) as caught:
        load(tmp_path, ONE.replace(old, new, 1))
    assert caught.value.where.endswith(f":{line}")


def test_a_name_is_unique_in_the_cluster(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="stands twice"):
        load(tmp_path, MANY.replace("defaultinstancetype", "cpusmall"))


@pytest.mark.parametrize("text", ["pattern: private_aks\n", "command: python train.py\n", "sites: {}\n"])
def test_somebody_else_s_file_is_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"which belongs to (data science|IT operations)"):
        load(tmp_path, text)


def test_types_of_the_inventory_are_held_to_the_same_rules(tmp_path: Path) -> None:
    stock = inventory(tmp_path)
    assert len(declared_types(stock, stock.targets["train"])) == 2
    text = Path(stock.path).read_text().replace("{limits: {cpu: 4, memory: 16Gi,", "{limits: {memory: 16Gi,")
    stock = inventory(tmp_path, text)
    with pytest.raises(InputError, match="'gpu' of target 'train': its requests name no cpu"):
        declared_types(stock, stock.targets["train"])

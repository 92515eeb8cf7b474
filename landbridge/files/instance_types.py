"""Files with Azure ML's InstanceType objects, as `kubectl apply -f` takes them: one, or an InstanceTypeList.

Rules: https://learn.microsoft.com/azure/machine-learning/how-to-manage-kubernetes-instance-types
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from landbridge.domain.errors import InputError
from landbridge.domain.inventory import InstanceType, Inventory, Target
from landbridge.domain.values import Resources
from landbridge.files.document import Document, check, read
from landbridge.files.fields import Cpu, Gpus, Keys, Memory, Word
from landbridge.files.kinds import refuse_other_kinds

MANY = "InstanceTypeList"
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_AMOUNTS = {"cpu": "700m", "memory": "1500Mi"}


def _name(value: object) -> object:
    if isinstance(value, str) and not (len(value) <= 253 and NAME.fullmatch(value)):
        hint = "Use lower-case letters, digits, dashes and dots, with a letter or digit at both ends."
        raise ValueError(f"{value!r} is not a legal name", hint)
    return value


class MetadataKeys(Keys):
    """Labels and annotations are taken and not used."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, BeforeValidator(_name)]


class RequestKeys(Keys):
    cpu: Cpu
    memory: Memory

    @model_validator(mode="after")
    def _nothing_is_zero(self) -> "RequestKeys":
        for key, example in _AMOUNTS.items():
            if getattr(self, key) <= 0:
                raise ValueError(f"{key} is zero", f"Write an amount such as {example}.")
        return self


class LimitKeys(RequestKeys):
    gpu: Gpus = Field(default=0, alias="nvidia.com/gpu")


class ResourcesKeys(Keys):
    requests: RequestKeys
    limits: LimitKeys

    @model_validator(mode="after")
    def _requests_are_within_limits(self) -> "ResourcesKeys":
        for key in _AMOUNTS:
            if getattr(self.requests, key) > getattr(self.limits, key):
                raise ValueError(f"requests.{key} is more than limits.{key}", f"Raise limits.{key}.")
        return self


class SpecKeys(Keys):
    node_selector: dict[Word, str] = Field(default_factory=dict, alias="nodeSelector")
    resources: ResourcesKeys


class ItemKeys(Keys):
    """An item of a list may repeat what it is."""

    api_version: Literal["amlarc.azureml.com/v1alpha1"] = Field(
        default="amlarc.azureml.com/v1alpha1", alias="apiVersion"
    )
    kind: Literal["InstanceType"] = "InstanceType"
    metadata: MetadataKeys
    spec: SpecKeys


class OneKeys(ItemKeys):
    api_version: Literal["amlarc.azureml.com/v1alpha1"] = Field(alias="apiVersion")


class ManyKeys(Keys):
    api_version: Literal["amlarc.azureml.com/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["InstanceTypeList"]
    metadata: dict[str, Any] = Field(default_factory=dict)
    items: Annotated[list[ItemKeys], Field(min_length=1)]


def load_instance_types(path: Path) -> tuple[InstanceType, ...]:
    """Read a file of one InstanceType or an InstanceTypeList.

    Raises:
        InputError: every fault of the file, with file and line; also when it is somebody else's kind of file.
    """
    refuse_other_kinds(path, "InstanceType", "FILE")
    document = read(path)
    if document.data.get("kind") == MANY:
        items = check(ManyKeys, document).items
        _refuse_twice(document, items)
        return tuple(_instance_type(item) for item in items)
    return (_instance_type(check(OneKeys, document)),)


def declared_types(inventory: Inventory, target: Target) -> tuple[InstanceType, ...]:
    """The inventory's instance types of a target, held to the same rules.

    Raises:
        InputError: one has no CPU or no memory, of which the inventory itself says nothing wrong.
    """
    for item in target.instance_types:
        for problem in _missing(item):
            raise InputError(
                f"Instance type {item.name!r} of target {target.name!r}: {problem}.",
                f"Write both under targets.{target.name}.instance_types; Azure ML's InstanceType asks for them.",
                inventory.path,
            )
    return target.instance_types


def _missing(item: InstanceType) -> Iterator[str]:
    if not NAME.fullmatch(item.name):
        yield "its name is none that Kubernetes takes (lower-case letters, digits, dashes)"
    for what, amounts in (("requests", item.requests), ("limits", item.limits)):
        if not amounts.cpu_millicores or not amounts.memory_bytes:
            yield f"its {what} name no {'memory' if amounts.cpu_millicores else 'cpu'}"


def _instance_type(keys: ItemKeys) -> InstanceType:
    requests, limits = keys.spec.resources.requests, keys.spec.resources.limits
    return InstanceType(
        keys.metadata.name,
        Resources(requests.cpu, requests.memory),
        Resources(limits.cpu, limits.memory, limits.gpu),
        dict(keys.spec.node_selector),
    )


def _refuse_twice(document: Document, items: list[ItemKeys]) -> None:
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        if item.metadata.name in seen:
            first = document.line("items", seen[item.metadata.name])
            raise InputError(
                f"The name {item.metadata.name!r} stands twice (first in line {first}); it is unique in a cluster.",
                "Rename or remove one of the two.",
                document.where("items", index, "metadata", "name"),
            )
        seen[item.metadata.name] = index

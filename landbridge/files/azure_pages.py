"""Write the reference pages of what Azure says: its errors, and the settings of the cluster extension.

`python -m landbridge.files.azure_pages docs/reference` writes both; a test compares them with what is committed.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from landbridge.domain.azure.faults import Fault, Where, faults
from landbridge.domain.azure.settings import SETTINGS, ClusterKind, Setting, Type, in_words
from landbridge.files.markdown import row

REGENERATE = "python -m landbridge.files.azure_pages docs/reference"

_ERRORS = f"""# Errors of Azure Machine Learning on Kubernetes

<!-- Generated: {REGENERATE}. Do not edit. -->

`landbridge ops explain CODE_OR_TEXT` finds these by code, or in any message or log. A **transient** error may heal by
itself: landbridge tries again, bounded. A **permanent** one is never tried again. *Avoid* says where the same would fail
again: nowhere else, on this instance type, on this target, or everywhere. Codes in lower case with dashes are ours: Azure
has only a sentence there. Of the codes of the health check, those below E45000 stop an installation; those above only tell.
"""
_SETTINGS = f"""# Settings of the cluster extension

<!-- Generated: {REGENERATE}. Do not edit. -->

All settings of `Microsoft.AzureML.Kubernetes` that `landbridge ops extension plan` knows, below `settings` and
`protected_settings` of the [file](../azure/extension.md). `enableTraining` and `enableInference` follow from `features`.
"""


def errors_page() -> str:
    lines = [_ERRORS.rstrip()]
    for where in Where:
        lines += ["", *_section(where, [fault for fault in faults() if fault.where is where])]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    documented = [item for item in SETTINGS if not item.rare]
    rare = [item for item in SETTINGS if item.rare]
    lines = [_SETTINGS.rstrip(), "", "## Documented", "", *_settings(documented)]
    return "\n".join([*lines, "", "## Told of in troubleshooting pages only", "", *_settings(rare)]) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {"azure-errors.md": errors_page, "azure-extension.md": settings_page}


def _section(where: Where, found: list[Fault]) -> Iterator[str]:
    yield f"## {where[0].upper()}{where[1:]}"
    yield ""
    yield "| code | again | avoid | cause | remedy |"
    yield "|---|---|---|---|---|"
    for fault in found:
        yield row(f"`{fault.code}`", fault.again, fault.avoid, fault.cause, fault.fix)


def _settings(found: list[Setting]) -> Iterator[str]:
    yield "| setting | value | default | for | clusters | meaning |"
    yield "|---|---|---|---|---|---|"
    for item in found:
        name = f"{item.name}.KEY" if item.family else item.name
        shown = f"`{name}`" + (" (protected)" if item.protected else "")
        needs = in_words(item.features) + ("; needed" if item.needed else "")
        clusters = ", ".join(kind.value for kind in ClusterKind if kind in item.clusters)
        yield row(shown, _value(item), f"`{item.default}`" if item.default else "", needs, clusters, item.meaning)


def _value(item: Setting) -> str:
    if item.type is Type.TEXT:
        return "name of an environment variable" if item.protected else "text"
    return ", ".join(f"`{word}`" for word in item.choices)


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        sys.exit(f"Name the folder to write into. To fix: run `{REGENERATE}`.")
    for name, page in PAGES.items():
        (Path(arguments[0]) / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

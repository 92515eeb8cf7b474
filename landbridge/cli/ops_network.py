"""`ops network`: what a cluster must reach, and what of it is reachable from here."""

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from landbridge.cli.options import Output, OutputOption
from landbridge.domain.azure.settings import ClusterKind
from landbridge.domain.values import Json

if TYPE_CHECKING:
    from landbridge.domain.azure.outbound import Network
    from landbridge.domain.operating import Diagnosis


class Features(StrEnum):
    TRAINING = "training"
    INFERENCE = "inference"
    BOTH = "both"


app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Ways out of a cluster's network, for Azure ML.")


@app.command()
def plan(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    region: Annotated[str, typer.Option("--region", help="The workspace's region, such as westeurope.")],
    cluster: Annotated[
        ClusterKind, typer.Option("--cluster", help="AKS, or any other cluster connected by Azure Arc.")
    ],
    features: Annotated[
        Features, typer.Option("--features", help="What the extension is installed for.")
    ] = Features.BOTH,
    proxy: Annotated[str, typer.Option("--proxy", metavar="URL", help="An outbound proxy, without credentials.")] = "",
    private_link: Annotated[bool, typer.Option("--private-link", help="Reached by private endpoints.")] = False,
    workspace_id: Annotated[str, typer.Option("--workspace-id", metavar="GUID", help="Of the workspace.")] = "",
    storage: Annotated[str, typer.Option("--storage", metavar="NAME", help="The workspace's storage account.")] = "",
    registry: Annotated[str, typer.Option("--registry", metavar="NAME", help="Its container registry.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Try from here which of them can be reached.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="For all together.")] = 5.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """List what must be let out.

    Host, port, protocol and why, for region and features, sovereign clouds included; with a proxy or private link, what
    else to see to. `--check` tries the hosts by DNS and TCP, or through the proxy; run it inside the cluster's network.
    Exit code 1 when one cannot be reached.
    """
    from landbridge.cli import show
    from landbridge.cli.ops_shown import show_diagnoses
    from landbridge.operations.ops.network import proxy_address

    proxy_address(proxy)  # refused before anything is printed
    network = _network(region, cluster, features, (workspace_id, storage, registry))
    rows = list(_checked(network, proxy, private_link, timeout)) if check else []
    if output is Output.JSON:
        _answer(_lists(network, proxy, private_link), rows)
        return
    _print(network, proxy, private_link)
    if check:
        show.heading("Reachable from here")
        show_diagnoses(network.region, rows, output)


def _answer(lists: dict[str, Json], rows: "list[Diagnosis]") -> None:
    from landbridge.cli import show
    from landbridge.cli.ops_shown import UNWELL
    from landbridge.domain.operating import Verdict
    from landbridge.operations.plain import as_json

    show.print_json({**lists, "checks": [as_json(row) for row in rows]})
    if any(row.verdict is Verdict.FAIL for row in rows):
        raise typer.Exit(UNWELL)


def _network(region: str, cluster: ClusterKind, features: Features, names: tuple[str, str, str]) -> "Network":
    from landbridge.domain.azure.clouds import own_name, region_name
    from landbridge.domain.azure.outbound import Network
    from landbridge.domain.azure.settings import BOTH, Feature

    chosen = BOTH if features is Features.BOTH else frozenset({Feature(features.value)})
    return Network(region_name(region), cluster, chosen, *(own_name(name) for name in names))


def _checked(network: "Network", proxy: str, private_link: bool, seconds: float) -> "Iterator[Diagnosis]":
    from landbridge.domain.azure.outbound import endpoints
    from landbridge.domain.azure.outbound_lists import private_names
    from landbridge.operations.ops import network as trying

    yield from trying.check(endpoints(network), trying.proxy_address(proxy), seconds)
    if private_link:
        yield from trying.check_private(private_names(network), seconds)


def _lists(network: "Network", proxy: str, private_link: bool) -> dict[str, Json]:
    from landbridge.domain.azure import outbound_lists
    from landbridge.domain.azure.clouds import cloud_of
    from landbridge.domain.azure.outbound import endpoints
    from landbridge.operations.plain import as_json

    return {
        "region": network.region,
        "cloud": cloud_of(network.region).value,
        "cluster": network.kind.value,
        "outbound": as_json(endpoints(network)),
        "service_tags": as_json(outbound_lists.tags(network)),
        "inside": as_json(outbound_lists.inside(network)),
        "checklist": as_json(outbound_lists.checklist(network, proxy, private_link)),
    }


def _print(network: "Network", proxy: str, private_link: bool) -> None:
    from landbridge.cli import show
    from landbridge.domain.azure import outbound_lists
    from landbridge.domain.azure.clouds import cloud_of
    from landbridge.domain.azure.outbound import endpoints
    from landbridge.domain.azure.settings import in_words

    where = f"{network.region} ({cloud_of(network.region).value})"
    show.line(f"Ways out of a cluster of kind {network.kind} in {where}, for {in_words(network.features)}.")
    rows = [(item.host, str(item.port), item.protocol, item.why, item.who, item.note) for item in endpoints(network)]
    show.table(("host", "port", "protocol", "why", "asked by", "note"), rows, "Outbound")
    tags = [(item.name, item.ports, item.why) for item in outbound_lists.tags(network)]
    show.table(("service tag", "ports", "why"), tags, "In their place, where Azure's firewalls take service tags")
    inside = [(item.source, item.destination, item.ports) for item in outbound_lists.inside(network)]
    show.table(("from", "to", "ports"), inside, "Inside the cluster")
    items = outbound_lists.checklist(network, proxy, private_link)
    show.table(("about", "see to", "by"), [(item.about, item.what, item.how) for item in items], "Checklist")

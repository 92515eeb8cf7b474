"""`why`: what led to the model that serves."""

from typing import Annotated

import typer

from landbridge.cli.options import Output, OutputOption


def why(
    endpoint: Annotated[str, typer.Argument(help="An endpoint, or the scenario that owns it.")],
    site: Annotated[str, typer.Option("--site", metavar="SITE", help="Only what serves at this site.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell why this model serves there.

    Which data, code, environment, decision, gate, metrics and trigger led to it, what crossed a border, and its releases.
    """
    from landbridge.cli import show
    from landbridge.cli.asking import ask, scenario_word

    found = ask("why", endpoint=scenario_word(endpoint), site=site)
    if output is Output.JSON:
        show.print_json(found)
        return
    from landbridge.cli.why_tables import print_why

    print_why(found)

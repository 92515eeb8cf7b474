"""`plan` and `why-not`: what a run would do, and what stands in the way of a target."""

from typing import Annotated

import typer

from landbridge.cli.options import InventoryOption, Output, OutputOption, ScenarioArgument, SetOption

REFUSED = 3
ASKING = "Asking the targets what they have free…"


def plan(
    scenario: ScenarioArgument,
    inventory: InventoryOption = "",
    set_: SetOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show all that a run would do.

    With the rule for each choice and movement. Changes nothing. Exit code 3 when the plan is refused.
    """
    from landbridge.cli import show
    from landbridge.cli.asking import ask, given_inventory, inputs_of, scenario_word

    given = {"scenario": scenario_word(scenario), "inventory": given_inventory(inventory), "inputs": inputs_of(set_)}
    with show.waiting(ASKING):
        made = ask("plan", **given)
    if output is Output.JSON:
        show.print_json(made)
    else:
        from landbridge.cli.plan_tables import print_plan

        print_plan(made)
    if made["refused"]:
        raise typer.Exit(REFUSED)


def why_not(
    scenario: ScenarioArgument,
    target: Annotated[str, typer.Argument(help="A target of the inventory.")],
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Say why a target may not train it.

    Everything that stands in the way, each with the smallest change that ends it.
    """
    from landbridge.cli import show
    from landbridge.cli.asking import ask, given_inventory, scenario_word

    with show.waiting(ASKING):
        answer = ask("why_not", scenario=scenario_word(scenario), target=target, inventory=given_inventory(inventory))
    if output is Output.JSON:
        show.print_json(answer)
    elif answer["eligible"]:
        show.line(f"{target} is eligible: nothing stands in the way.")
    else:
        show.line(f"{target} is not eligible. It would be after:")
        changes = answer["changes"]
        rows = (
            [(row["rule"], row["sentence"]) for row in changes if isinstance(row, dict)]
            if isinstance(changes, list)
            else []
        )
        show.table(("rule", "smallest change"), [(str(rule), str(sentence)) for rule, sentence in rows])

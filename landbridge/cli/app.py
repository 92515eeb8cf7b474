"""All commands, in the order of `--help`. A command's work is imported when it is called."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from landbridge.cli import (
    diagnosis,
    files,
    logs,
    ops,
    ops_attach,
    ops_cluster,
    ops_explain,
    ops_extension,
    ops_migrate,
    ops_namespaces,
    ops_network,
    ops_router,
    ops_troubleshoot,
    ops_types,
    plans,
    reasons,
    runs,
    scoring,
    services,
    state,
    targets,
)

HELP = """Carry machine-learning models across the border between cloud and on-premises.

A scenario file says where the data may be, what to train, when a model is good enough and where it serves. An inventory
file says what sites and targets there are. Start with: landbridge new my-model --pattern hybrid_train_deploy
"""
EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong file or argument, 3 refused by the plan, 4 job failed, 5 refused by the gate, "
    "6 rolled back, 7 not found, 69 does not answer, 75 busy, 130 interrupted; all in docs/errors.md."
)

app = typer.Typer(
    name="landbridge",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: rich would cost half of it
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 110},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"landbridge {version('landbridge')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the trace of an error. May stand anywhere in a command.")
    ] = False,
) -> None:
    del version, debug  # the one has ended the command, the other is heeded by `main`


COMMANDS: Sequence[Callable[..., None]] = (files.new, files.validate, plans.plan, runs.run, state.status)
AFTER_TARGETS: Sequence[Callable[..., None]] = (
    *(state.releases, reasons.why, plans.why_not, runs.rollback, logs.logs, runs.retrain, runs.replicate),
    *(scoring.score, runs.reconcile, runs.stop, services.up, services.down, diagnosis.doctor),
)

for command in COMMANDS:
    app.command()(command)
app.add_typer(targets.app, name="targets")
for command in AFTER_TARGETS:
    app.command()(command)
ops.app.add_typer(ops_cluster.app, name="cluster")
ops.app.add_typer(ops_types.app, name="instance-types")
ops.app.add_typer(ops_namespaces.app, name="namespaces")
ops.app.add_typer(ops_extension.app, name="extension")
ops.app.add_typer(ops_network.app, name="network")
ops.app.add_typer(ops_migrate.app, name="migrate")
ops.app.command()(ops_attach.attach)
ops.app.command()(ops_attach.detach)
ops.app.command()(ops_router.router)
ops.app.command()(ops_troubleshoot.troubleshoot)
ops.app.command()(ops_explain.explain)
app.add_typer(ops.app, name="ops")

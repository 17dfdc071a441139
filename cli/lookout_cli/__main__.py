"""The ``lookout`` command. Every word of it explains itself with ``--help``."""

import resource
import signal

import typer
from lookout.telemetry.logs import configure_logging

from lookout_cli.commands import (
    deployment,
    evaluate,
    keyring,
    models,
    prepare,
    report,
    topics,
    verify,
    watchlist,
)
from lookout_cli.commands.bench import bench
from lookout_cli.commands.chaos import chaos
from lookout_cli.commands.closure import closure
from lookout_cli.commands.demo import demo
from lookout_cli.commands.doctor import doctor
from lookout_cli.commands.metrics import dashboards, metrics
from lookout_cli.commands.purge import purge
from lookout_cli.commands.soak import soak
from lookout_cli.commands.support_bundle import support_bundle
from lookout_cli.commands.up import up
from lookout_cli.commands.watch import watch

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Live facial recognition: watchlist in, alerts out, everyone else forgotten. Begin with `lookout demo`.",
)
app.command()(demo)
app.command()(up)
app.command()(watch)
app.add_typer(watchlist.app, name="watchlist")
app.add_typer(deployment.app, name="deployment")
app.add_typer(models.app, name="models")
app.add_typer(topics.app, name="topics")
app.add_typer(keyring.app, name="keyring")
verify.app.command("closure")(closure)
app.add_typer(verify.app, name="verify")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(report.app, name="report")
app.add_typer(prepare.app, name="prepare")
app.command()(purge)
app.command()(doctor)
app.command()(metrics)
app.command()(dashboards)
app.command("support-bundle")(support_bundle)
app.command()(soak)
app.command()(bench)
app.command()(chaos)


def main() -> None:
    """Run the command line."""
    # A core dump would write keys, faces and templates to disk. Children inherit this.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A person at a terminal is told by the commands; what libraries mend by themselves is no news to them.
    configure_logging(service="cli", instance="cli", level="ERROR")
    # A shell starts background jobs with SIGINT ignored, and a supervisor ends them with SIGTERM: both must end what was
    # started, in order, as Ctrl-C does.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()


if __name__ == "__main__":
    main()

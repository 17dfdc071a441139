"""``lookout evaluate``: what the eyes are worth, measured on this machine."""

import typer

from lookout_cli.evaluate.detection import detection
from lookout_cli.evaluate.shot_quality import quality
from lookout_cli.evaluate.tracking import tracking

app = typer.Typer(no_args_is_help=True, help="Measure what detection and tracking are worth.")
app.command()(detection)
app.command()(tracking)
app.command()(quality)

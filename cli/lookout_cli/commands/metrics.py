"""``lookout metrics``: what can be measured, and the dashboards over it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lookout_cli.console import out


def metrics(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As docs/metrics.md, whole.")
    ] = False,
) -> None:
    """List every metric that a service exposes: its type, its labels, who exposes it, what it means."""
    # Imported here: the metrics of all services load all of their libraries.
    from lookout_cli.observe.metrics import metrics as every  # noqa: PLC0415
    from lookout_cli.observe.pages import metrics_page  # noqa: PLC0415

    if markdown:
        typer.echo(metrics_page(every()), nl=False)
        return
    table = Table("metric", "type", "labels", "from", "meaning")
    for metric in every():
        table.add_row(
            ", ".join(metric.series),
            metric.kind,
            ", ".join(metric.labels),
            ", ".join(metric.services),
            metric.text,
        )
    out.print(table)


def dashboards(
    folder: Annotated[Path, typer.Argument(help="Where to write them, one file each.")],
) -> None:
    """Write the dashboards, as Grafana provisions them."""
    from lookout_cli.observe.boards import dashboard_files  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for name, text in dashboard_files().items():
        (folder / name).write_text(text)
        out.print(str(folder / name))

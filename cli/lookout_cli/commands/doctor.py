"""``lookout doctor``: what is missing on this machine, and what to do."""

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.table import Table

from lookout_cli.commands.camera_check import (
    CameraOption,
    HardwareOption,
    SecondsOption,
    TransportOption,
    check_camera,
)
from lookout_cli.commands.models import FolderOption
from lookout_cli.commands.production_check import (
    JsonOption,
    ProductionOption,
    check_production,
)
from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, out, told_plainly
from lookout_cli.local.kafka import LocalKafka
from lookout_cli.local.keyring import LocalKeyringError, server_binary
from lookout_cli.models.store import DEFAULT_PACK, all_packs, default_models_folder, why_not_there

_LEAST_FREE_BYTES = 1 << 30
_LEAST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``trouble`` is empty when it is well; ``fatal`` when nothing works without."""

    what: str
    found: str
    trouble: str = ""
    fatal: bool = False


def doctor(
    models: FolderOption = default_models_folder(),
    camera: CameraOption = None,
    seconds: SecondsOption = 5.0,
    transport: TransportOption = "tcp",
    hardware: HardwareOption = "off",
    production: ProductionOption = False,
    json: JsonOption = False,
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Look at this machine, a camera, or an installation: what is missing or open, what to do. Exit 1 when something is."""
    if production:
        with told_plainly():
            well = check_production(state, json=json)
        if not well:
            raise typer.Exit(1)
        return
    if camera is not None:
        if not check_camera(camera, seconds=seconds, transport=transport, hardware=hardware):
            raise typer.Exit(1)
        return
    table = Table("", "what", "found", "what to do")
    fatal = False
    for finding in findings(models):
        mark = (
            "[green]ok[/]"
            if not finding.trouble
            else ("[red]no[/]" if finding.fatal else "[yellow]![/]")
        )
        table.add_row(mark, finding.what, finding.found, finding.trouble)
        fatal = fatal or (finding.fatal and bool(finding.trouble))
    out.print(table)
    if fatal:
        raise typer.Exit(1)


def findings(models: Path) -> Iterator[Finding]:
    """Look at everything the main job needs."""
    version = ".".join(map(str, sys.version_info[:3]))
    old = "" if sys.version_info >= _LEAST_PYTHON else "install Python 3.11 or newer"
    yield Finding("Python", version, old, fatal=True)
    yield _kafka()
    yield _keyring()
    yield from _packs(models)
    yield _disk()
    pip = importlib.util.find_spec("pip") is not None
    yield Finding(
        "pip",
        "here" if pip else "missing",
        "" if pip else "run `python -m ensurepip`: the demonstration's pictures come by pip",
    )


def _kafka() -> Finding:
    with tempfile.TemporaryDirectory() as scratch:
        why_not = LocalKafka(Path(scratch)).available()
    if why_not is None:
        return Finding("Kafka", "can run here")
    return Finding(
        "Kafka", "cannot run here", f"{why_not}; without, `lookout demo` uses the in-memory broker"
    )


def _keyring() -> Finding:
    try:
        return Finding("keyring", str(server_binary()))
    except LocalKeyringError as error:
        return Finding("keyring", "missing", str(error), fatal=True)


def _packs(models: Path) -> Iterator[Finding]:
    here = [pack.name for pack in all_packs() if not why_not_there(pack, models)]
    advice = "" if here else "run `lookout models pull` (`lookout demo` does it by itself)"
    yield Finding("model packs", ", ".join(here) or "none", advice)
    if here and DEFAULT_PACK not in here:
        yield Finding(
            "default pack",
            "missing",
            f"run `lookout models pull {DEFAULT_PACK}`: it is more accurate",
        )


def _disk() -> Finding:
    free = shutil.disk_usage(Path.home()).free
    advice = (
        "" if free >= _LEAST_FREE_BYTES else "free at least 1 GB: Kafka and the models need room"
    )
    return Finding("disk", f"{free / 2**30:.1f} GB free", advice, fatal=True)

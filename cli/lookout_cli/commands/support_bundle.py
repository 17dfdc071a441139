"""``lookout support-bundle``: what somebody else needs to help, and nothing biometric or secret."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from lookout.hosting.platform import Platform
from lookout.hosting.settings import PlatformSettings

from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, err, out, told_plainly
from lookout_cli.session import connected
from lookout_cli.stack.folder import StackError, StateFolder
from lookout_cli.support import parts
from lookout_cli.support.bundle import Part, write_bundle
from lookout_cli.support.redaction import Redaction


def support_bundle(
    output: Annotated[
        Path | None, typer.Option(help="The archive; by default in this folder, with the time.")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(help="NAME=URL of a service's /metrics; repeat. Of the local stack: found."),
    ] = None,
    log: Annotated[
        list[Path] | None, typer.Option(help="A service's log; repeat. Of the local stack: found.")
    ] = None,
    lines: Annotated[int, typer.Option(help="Last lines of each log.", min=1)] = 500,
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Write a .tar.gz for support: versions, settings without secrets, topics and lag, metrics, status, last log lines."""
    path = output or Path(f"lookout-support-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz")
    with told_plainly():
        addresses = {**_of_the_stack(StateFolder(state)), **_addresses(metrics or ())}
        files = [*sorted(StateFolder(state).logs.glob("*.log")), *(log or ())]
        problems = gather(path, state, addresses=addresses, logs=files, lines=lines)
        for problem in problems:
            err.print(f"[yellow]not gathered:[/] {problem}")
        out.print(f"{path}: look through it before you send it", soft_wrap=True)


def gather(
    path: Path, state: Path, *, addresses: Mapping[str, str], logs: Sequence[Path], lines: int
) -> Sequence[str]:
    """Write the bundle, with what can be reached; what could not, in words."""
    common: dict[str, Part] = {
        "versions": parts.versions,
        "metrics": partial(parts.metrics, addresses),
        "logs": partial(parts.logs, logs, lines),
    }
    try:
        with connected(state) as session:
            platform = session.platform
            return write_bundle(path, {**common, **_of(platform)}, _redaction(platform.settings))
    except StackError as error:
        # Nothing runs, and that may be why it is wanted.
        settings = PlatformSettings()
        redaction = _redaction(settings)
        common["settings"] = partial(parts.settings, settings, redaction)
        return [str(error), *write_bundle(path, common, redaction)]


def _of(platform: Platform) -> Mapping[str, Part]:
    redaction = _redaction(platform.settings)
    return {
        "settings": partial(parts.settings, platform.settings, redaction),
        "topics": partial(parts.topics, platform),
        "status": partial(parts.status, platform),
    }


def _redaction(settings: PlatformSettings) -> Redaction:
    """One that knows the secrets that the settings name."""
    files = (
        settings.vault_secret_file,
        settings.keyring_password_file,
        settings.keyring_key_file,
        settings.registry_password_file,
        settings.kafka.password_file,
        settings.kafka.key_file,
    )
    return Redaction([path.read_text() for path in files if path is not None and path.is_file()])


def _of_the_stack(folder: StateFolder) -> Mapping[str, str]:
    if not folder.is_running():
        return {}
    ports = folder.running().metrics_ports
    return {service: f"http://127.0.0.1:{port}/metrics" for service, port in ports.items()}


def _addresses(given: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for one in given:
        name, _, address = one.partition("=")
        if not address.startswith(("http://", "https://")) or not name.isidentifier():
            raise StackError(
                f"--metrics wants NAME=http://…, such as capture=http://10.0.0.5:9000/metrics, got {name}=…"
            )
        found[name] = address
    return found

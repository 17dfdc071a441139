"""Kills parts of a local stack at random moments; the supervisor, or the caller, starts them again."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lookout_cli.local.keyring import LocalKeyring
from lookout_cli.stack.services import STARTING_ORDER
from lookout_cli.stack.supervisor import Supervisor

KEYRING = "keyring"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kill -9: what, and when, in seconds from the beginning."""

    at_s: float
    part: str


def plan_faults(*, times: int, over_s: float, seed: int) -> Sequence[Fault]:
    """``times`` kills of each service and of the keyring, at random moments, in order of time."""
    rng = random.Random(seed)
    faults = [
        Fault(rng.uniform(0.02, 0.95) * over_s, part)
        for part in (*STARTING_ORDER, KEYRING)
        for _ in range(times)
    ]
    return sorted(faults, key=lambda fault: fault.at_s)


class FaultInjector:
    """Carries out a plan as time passes. A part that is down at its moment is killed a little later."""

    def __init__(
        self,
        *,
        faults: Sequence[Fault],
        supervisor: Supervisor,
        keyring: LocalKeyring,
        say: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._waiting = list(faults)
        self._supervisor, self._keyring, self._say = supervisor, keyring, say
        self._monotonic = monotonic
        self._begun = monotonic()
        self.done: dict[str, int] = {}

    def over(self) -> bool:
        """Whether every fault was carried out."""
        return not self._waiting

    def turn(self) -> None:
        """Carry out what is due."""
        elapsed = self._monotonic() - self._begun
        for fault in [one for one in self._waiting if one.at_s <= elapsed]:
            if self._kill(fault.part):
                self._waiting.remove(fault)
                self.done[fault.part] = self.done.get(fault.part, 0) + 1
                self._say(f"{elapsed:6.1f} s  kill -9 {fault.part}")

    def _kill(self, part: str) -> bool:
        if part == KEYRING:
            self._keyring.kill()
            self._keyring.start()
            return True
        try:
            self._supervisor.kill(part)
        except ProcessLookupError:
            return False
        return True

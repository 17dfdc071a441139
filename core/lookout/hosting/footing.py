"""Whether what a service stands on holds at this moment, so that it stops within a second when it does not.

Watched from threads of their own and answered from memory: a service in the middle of its work, or with none, knows alike.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from lookout.hosting.metrics import KeyringWatchMetrics
from lookout.sealing.ports import KeyringUnavailableError
from lookout.stream.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a keyring is too slow or silent, and when a clock is wrong. Seconds.

    A keyring that stops is told after ``every_s`` (half as much again at most) and one time-out of its client;
    ``silent_s`` is for a watch that is itself held up. Two slow answers in a row count as slow, two prompt ones as
    recovered.
    """

    every_s: float = 0.2
    slow_s: float = 0.25
    silent_s: float = 0.8
    in_a_row: int = 2
    clocks_differ: timedelta = timedelta(seconds=2)


class KeyringWatch:
    """Asks the keyring for its time five times a second: does it answer, promptly, and what does its clock say.

    The keyring is the one thing that every service of a system reaches, so clocks are compared with its clock.
    """

    def __init__(
        self,
        *,
        ask_time: Callable[[], datetime],
        check: Callable[[], None],
        clock: Clock,
        limits: Limits | None = None,
        metrics: KeyringWatchMetrics | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``ask_time`` must raise `KeyringUnavailableError` within half a second when there is no answer.

        ``check`` raises unless the keyring keeps nothing on disk: asked at the start and after each silence, because
        what answers then may have been started anew.
        """
        self._ask_time, self._check = ask_time, check
        self._clock, self._monotonic = clock, monotonic
        self._limits = limits or Limits()
        self._metrics = metrics or KeyringWatchMetrics(CollectorRegistry())
        self._reason = "the keyring has not answered yet"
        self._checked = False
        self._slow = 0
        self._prompt = self._limits.in_a_row
        self._heard_at = monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keyring watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; from then on nothing is known."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._reason = "the keyring is not watched any more"

    def why_not(self) -> str:
        """Why nothing may be sealed or opened now; empty when it may. The same words while the trouble is the same."""
        if self._reason or self._monotonic() - self._heard_at <= self._limits.silent_s:
            return self._reason
        return f"the keyring has not been heard of for more than {self._limits.silent_s:g} s"

    def look(self) -> None:
        """Ask once."""
        try:
            if not self._checked:
                self._check()
                self._checked = True
            began, asked_at = self._monotonic(), self._clock()
            theirs = self._ask_time()
        except KeyringUnavailableError as error:
            self._checked = False
            self._metrics.unanswered()
            self._trouble(str(error))
            return
        took = self._monotonic() - began
        self._heard_at = began + took
        self._judge(theirs - asked_at, took)

    def _judge(self, ahead: timedelta, took: float) -> None:
        limits = self._limits
        # Where between asking and hearing it looked at its clock, nobody knows.
        half = timedelta(seconds=took / 2)
        self._metrics.answered(took_s=took, ahead_s=(ahead - half).total_seconds())
        if abs(ahead - half) > limits.clocks_differ + half:
            self._trouble(
                f"this service's clock differs from the keyring's by more than {limits.clocks_differ.total_seconds():g} s: "
                "set the clocks of both machines (NTP)"
            )
            return
        self._slow = self._slow + 1 if took > limits.slow_s else 0
        if self._slow >= limits.in_a_row:
            self._trouble(
                f"the keyring is slow: {limits.in_a_row} answers in a row took more than {limits.slow_s * 1000:g} ms"
            )
        elif not self._slow:
            self._prompt += 1
            if self._prompt >= limits.in_a_row:
                self._reason = ""

    def _trouble(self, reason: str) -> None:
        self._prompt = 0
        self._reason = reason

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look()
            # Asked in step with what slows it down, it could look prompt each time; and a slow one is asked at once.
            pause = 0.0 if self._slow else self._limits.every_s * (0.5 + random.random())
            self._stop.wait(pause)


class Footing:
    """All that a service relies on. Asked many times a second, from any thread."""

    def __init__(self) -> None:
        self._relied_on: tuple[Callable[[], str], ...] = ()

    def rely_on(self, why_not: Callable[[], str]) -> None:
        """Also ask ``why_not``: it must answer from memory, empty when all is well."""
        self._relied_on = (*self._relied_on, why_not)

    def why_not(self) -> str:
        """Why the service may not work now, in words for people; empty when it may."""
        return next((why for why_not in self._relied_on if (why := why_not())), "")

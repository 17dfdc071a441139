"""Waiting for what another thread or process does: poll with a deadline, never sleep and hope."""

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Return as soon as ``holds()``; fail the test, saying ``what`` was awaited, if it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.005)

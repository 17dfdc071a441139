"""What the fuzz tests share: how many inputs are tried, how they are counted, and how a sound input is spoiled."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

TRIED: Counter[str] = Counter()
"""Inputs tried, by target, in this run."""

_long: list[int] = []


def try_longer(examples: int) -> None:
    """From now on, tests are decorated to try so many inputs, and others in each run."""
    _long.append(examples)


def fuzzed(quick: int) -> Callable[[Any], Any]:
    """How many inputs a test tries: ``quick`` of them, the same in each run, unless `try_longer` was called."""
    return settings(
        max_examples=_long[-1] if _long else quick,
        derandomize=not _long,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


_EXTREMES = (
    b"\x00",
    b"\xff",
    b"\x80",
    b"\xff" * 9 + b"\x01",  # the largest of Avro's long integers, as Avro writes it
    b"\xfe" + b"\xff" * 8 + b"\x01",
    b"\xff\xff\xff\xff\x0f",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x00\x00\x00\x00\x00\x00\xf0\x7f",
    b"\x00\x00\x00\x00\x00\x00\xf8\x7f",
)


@st.composite
def spoiled(draw: st.DrawFn, sound: st.SearchStrategy[bytes], keep: int = 0) -> bytes:
    """A sound input with one to four changes: bytes flipped, cut out, put in, repeated, or replaced by extremes.

    The first ``keep`` bytes stay as they are.
    """
    data = draw(sound)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(keep, max(keep, len(data))))
        length = draw(st.integers(0, 24))
        new = draw(st.one_of(st.binary(max_size=24), st.sampled_from(_EXTREMES)))
        match draw(st.sampled_from(("replace", "insert", "cut", "end", "repeat"))):
            case "replace":
                data = data[:at] + new + data[at + len(new) :]
            case "insert":
                data = data[:at] + new + data[at:]
            case "cut":
                data = data[:at] + data[at + length :]
            case "end":
                data = data[:at]
            case _:
                data = data[:at] + data[at : at + length] * 2 + data[at + length :]
    return data

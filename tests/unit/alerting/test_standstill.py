"""Noticing that nothing moves."""

from lookout_alerting.adapters.standstill import Standstill


def test_what_waits_longer_than_the_patience_is_told() -> None:
    standstill = Standstill(30)
    assert standstill.of({"a", "b"}, 100) is None
    assert standstill.of({"a"}, 130) is None
    assert standstill.of({"a", "b"}, 130.5) == "a"


def test_what_moved_in_between_begins_anew() -> None:
    standstill = Standstill(30)
    assert standstill.of({"a"}, 100) is None
    assert standstill.of({"b"}, 120) is None
    assert standstill.of({"a"}, 140) is None
    assert standstill.of({"a"}, 169) is None
    assert standstill.of((), 171) is None
    assert standstill.of({"a"}, 200) is None

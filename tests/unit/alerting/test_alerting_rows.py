"""Rows as they lie in the changelog."""

import json
from datetime import timedelta

import pytest
from lookout_alerting.adapters.rows import UnreadableRowError, decode_row, encode_row
from lookout_alerting.domain import EntryRow, Rules, decide
from support.matches import START, a_match


def _row() -> EntryRow:
    row: EntryRow | None = None
    for number, (seconds, camera) in enumerate([(0.123456, "a"), (5, "b"), (200, "a")]):
        match = a_match(number, seen=START + timedelta(seconds=seconds), camera=camera)
        row = decide(match, row, now=match.captured_at, rules=Rules(), in_force=True).row
    assert row is not None
    return row


def test_row_comes_back_as_it_was_to_the_microsecond() -> None:
    row = _row()
    assert len(row.episodes) == 2
    assert decode_row(encode_row(row)) == row


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff\x00",
        b"[]",
        b"{}",
        b'{"v":2,"deployment_id":"d","entry_id":"e","episodes":[]}',
        b'{"v":1,"deployment_id":"d","entry_id":"e","episodes":[{}]}',
        b'{"v":1,"deployment_id":"d","entry_id":"e","episodes":[{"alerted_at":"never"}]}',
    ],
)
def test_foreign_bytes_are_refused_without_being_quoted(value: bytes) -> None:
    with pytest.raises(UnreadableRowError) as refused:
        decode_row(value)
    assert "deployment_id" not in str(refused.value)
    assert "never" not in str(refused.value)


def _spoiled(place: str, value: object) -> bytes:
    plain = json.loads(encode_row(_row()))
    plain["episodes"][0][place] = value
    return json.dumps(plain).encode()


@pytest.mark.parametrize(
    "value",
    [
        _spoiled("last_seen", "2026-11-28T12:00:00"),
        _spoiled("sightings", []),
        _spoiled("sightings", [[1, "f", "t", "c", "2026-11-28T12:00:00+00:00", 0.5]]),
        _spoiled("sightings", [["m", "f", "t", "c", "2026-11-28T12:00:00+00:00", "0.5"]]),
        b"[" * 100_000,
    ],
    ids=["no zone", "no sighting", "no text", "no number", "no end"],
)
def test_a_row_that_could_not_be_decided_with_is_refused(value: bytes) -> None:
    with pytest.raises(UnreadableRowError):
        decode_row(value)


def test_row_holds_nothing_biometric() -> None:
    match = a_match(1)
    row = decide(match, None, now=START, rules=Rules(), in_force=True).row
    assert row is not None
    stored = encode_row(row)
    assert match.thumbnail.ciphertext not in stored
    assert match.thumbnail.key_id.encode() not in stored

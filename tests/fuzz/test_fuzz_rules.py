"""Events that decode and mean nothing: no rule of a service breaks over them."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st
from lookout.events import (
    Category,
    Embedding,
    ErasureReason,
    Event,
    Face,
    Frame,
    Match,
    Response,
    Sealed,
)
from lookout.sealing.keyring import _pending_receipt, _receipt_of
from lookout.sealing.ports import Destruction
from lookout.stream.ports import Partition, Position
from lookout.stream.processor import Delivery
from lookout_alerting.adapters.rows import UnreadableRowError, decode_row, encode_row
from lookout_alerting.domain import EntryRow, Rules, decide
from lookout_detection.admission import Admission
from lookout_embedding.domain import why_skipped
from lookout_matching.processor import _refusal
from support.fuzzing import TRIED, fuzzed, spoiled
from support.golden import example
from support.matches import ListedAuthority
from support.pipeline import a_deployment

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
E = TypeVar("E", bound=Event)

_TIMES = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from((datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), NOW)),
    st.integers(-100_000, 100_000).map(lambda ms: NOW + timedelta(milliseconds=ms)),
)
_TEXTS = st.one_of(st.sampled_from(("deployment-1", "camera-1", "entry", "")), st.text(max_size=12))
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": _TEXTS,
    "datetime": _TIMES,
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(),
    "bool": st.booleans(),
    "float | None": st.none() | st.floats(),
    "tuple[float, ...]": st.lists(st.floats(), max_size=12).map(tuple),
    "Sealed": st.builds(
        Sealed, key_id=_TEXTS, nonce=st.binary(max_size=16), ciphertext=st.binary(max_size=32)
    ),
    "Category": st.sampled_from(Category),
    "Response": st.sampled_from(Response),
}


@st.composite
def twisted(draw: st.DrawFn, sound: E) -> E:
    """An event of which some fields say something else, as their types allow."""
    names = [field.name for field in fields(sound)]
    chosen = set(draw(st.lists(st.sampled_from(names), max_size=4)))
    if draw(st.booleans()):
        chosen.add("captured_at")  # most rules are about time
    types = {field.name: _name(field.type) for field in fields(sound)}
    return replace(sound, **{name: draw(_VALUES[types[name]]) for name in sorted(chosen)})


def _name(of: object) -> str:
    return of.__name__ if isinstance(of, type) and not hasattr(of, "__args__") else str(of)


FRAME = replace(
    example(Frame, "frame/frame"),
    deployment_id="deployment-1",
    camera_id="camera-1",
    captured_at=NOW,
)
FACE = replace(example(Face, "face/first_shot"), deployment_id="deployment-1", captured_at=NOW)
EMBEDDING = replace(
    example(Embedding, "embedding/first_shot"), deployment_id="deployment-1", captured_at=NOW
)
MATCH = replace(
    example(Match, "match/confirmed"),
    deployment_id="deployment-1",
    entry_id="entry",
    captured_at=NOW,
)


ROW = encode_row(
    decide(MATCH, None, now=NOW, rules=Rules(), in_force=True).row  # type: ignore[arg-type]  # an opened row is there
)


@fuzzed(100)
@given(matches=st.lists(st.tuples(twisted(MATCH), st.booleans()), max_size=5))
def test_alerting_decides_about_every_match_and_remembers_it(
    matches: list[tuple[Match, bool]],
) -> None:
    TRIED["alerting: matches"] += 1
    row: EntryRow | None = None
    for match, in_force in matches:
        row = decide(match, row, now=NOW, rules=Rules(), in_force=in_force).row
        if row is not None:
            row = decode_row(encode_row(row))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS | _TIMES.map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_STAMPS = st.one_of(_TIMES.map(datetime.isoformat), st.datetimes().map(datetime.isoformat), _JSON)


@st.composite
def rows(draw: st.DrawFn) -> bytes:
    """A row in which one value is another, of whatever type."""
    plain = json.loads(ROW)
    episode = plain["episodes"][0]
    place = draw(st.sampled_from((plain, episode, episode["sightings"][0])))
    at = draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
    place[at] = draw(_STAMPS)
    return json.dumps(plain).encode()


@fuzzed(100)
@given(value=st.one_of(st.binary(max_size=40), spoiled(st.just(ROW)), rows()), match=twisted(MATCH))
def test_a_spoiled_row_of_alerting_is_unreadable_or_can_be_decided_with(
    value: bytes, match: Match
) -> None:
    TRIED["alerting: rows"] += 1
    try:
        row = decode_row(value)
    except UnreadableRowError:
        return
    decide(match, row, now=NOW, rules=Rules(), in_force=True)


@fuzzed(100)
@given(frames=st.lists(twisted(FRAME), max_size=6))
def test_detection_admits_or_skips_every_frame(frames: list[Frame]) -> None:
    TRIED["detection: frames"] += 1
    authority = ListedAuthority({"deployment-1"})
    admission = Admission(
        authority=authority,
        pack_sha256="0" * 64,
        freshness=timedelta(seconds=2),
        shed_after=timedelta(seconds=0.5),
        turn=timedelta(seconds=0.1),
    )
    skipped: list[Frame] = []
    batch = [
        Delivery(frame, Position(Partition("lookout.frames", 0), at))
        for at, frame in enumerate(frames)
    ]
    admission.worked(len(frames), timedelta(seconds=0.2))
    admitted = admission.admit(
        batch,
        NOW,
        looked_at=lambda _camera: None,
        is_begun=lambda item: len(item.camera[1]) % 2 == 0,
        skip=lambda frame, _why: skipped.append(frame),
    )
    assert len(admitted) + len(skipped) == len(frames)


@fuzzed(100)
@given(face=twisted(FACE), embedding=twisted(EMBEDDING))
def test_embedding_and_matching_judge_every_record(face: Face, embedding: Embedding) -> None:
    TRIED["embedding and matching: records"] += 1
    deployment = a_deployment(NOW - timedelta(hours=1))
    why_skipped(face, deployment, NOW, timedelta(seconds=10))
    _refusal(embedding, deployment)


@fuzzed(100)
@given(
    order=st.builds(
        Destruction,
        key_id=st.tuples(_TEXTS, st.integers(0, 2**31)).map(lambda pair: f"{pair[0]}:{pair[1]}"),
        reason=st.sampled_from(ErasureReason),
        deployment_id=_TEXTS,
        captured_at=st.none() | _TIMES,
    ),
    by=_TEXTS,
    at=_TIMES,
)
def test_a_receipt_comes_out_of_the_keyring_as_it_went_in(
    order: Destruction, by: str, at: datetime
) -> None:
    TRIED["receipts of the keyring"] += 1
    pending = _pending_receipt(0, _receipt_of(order, by, at).encode())
    assert pending.receipt.destroyed_at == at
    assert pending.receipt.captured_at == order.captured_at
    assert pending.receipt.reason is order.reason

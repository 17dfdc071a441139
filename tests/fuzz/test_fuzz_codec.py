"""Whatever bytes lie on a topic: the codec gives an event or says that there is none, and what follows an event survives it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from lookout.codec import Codec
from lookout.events import (
    UNSIGNED,
    Deployment,
    Event,
    PurgeCertificate,
    ServiceStatus,
    WatchlistEntry,
)
from lookout.hosting.authority import FollowedAuthority, signature_check
from lookout.schema_ids import LockedSchemaIds
from lookout.sealing.ports import DataKey
from lookout.sealing.signing import ROLE_CONTROL, ROLE_RECEIPTS, Signer, TrustStore
from lookout.stream.ports import InvalidMessageError, Message, Partition, Position
from lookout.telemetry.status import StatusBoard
from lookout.topics import load_catalogue, schemas_folder
from lookout.watchlist import content_hash
from lookout_capture.domain import why_upstream_not_ready
from lookout_keeper.domain import Ledger, account
from support.fuzzing import TRIED, fuzzed, spoiled

CATALOGUE = load_catalogue()
CODEC = Codec(catalogue=CATALOGUE, ids=LockedSchemaIds(), source="/lookout/test")
NOW = datetime(2026, 11, 28, tzinfo=UTC)
SIGNER = Signer("test", DataKey("signing/test", bytes(range(32))))
TRUST = TrustStore({}).adding(SIGNER, roles=[ROLE_CONTROL, ROLE_RECEIPTS], demonstration=False)
_HEADER = 5


@dataclass(frozen=True, slots=True)
class Corpus:
    """A released example, and the topic it lies on."""

    topic: str
    value: bytes


def _corpus() -> list[Corpus]:
    found = []
    for path in sorted((schemas_folder() / "examples").glob("*/v*/*.hex")):
        value = bytes.fromhex(path.read_text().replace("\n", ""))
        for topic in CATALOGUE.topics:
            try:
                CODEC.decode(topic.name, value)
            except InvalidMessageError:
                continue
            found.append(Corpus(topic.name, value))
    return found


CORPUS = _corpus()
_BY_KIND = {type(CODEC.decode(one.topic, one.value)): one for one in CORPUS}
SIGNED = [_BY_KIND[kind] for kind in (Deployment, WatchlistEntry, PurgeCertificate)]


def test_the_corpus_holds_every_record() -> None:
    assert len(_BY_KIND) == 16


@st.composite
def records(draw: st.DrawFn) -> Corpus:
    """A spoiled record on its own topic: now and then its header is spoiled, too, or it is nothing but noise."""
    sound = draw(st.sampled_from(CORPUS))
    keep = draw(st.sampled_from((0, _HEADER, _HEADER, _HEADER)))
    noise = st.binary(max_size=64).map(lambda tail: sound.value[:_HEADER] + tail)
    value = draw(st.one_of(spoiled(st.just(sound.value), keep), noise, st.binary(max_size=64)))
    return Corpus(sound.topic, value)


@fuzzed(80)
@given(record=records())
def test_bytes_are_an_event_or_invalid_and_an_event_can_be_sent_again(record: Corpus) -> None:
    TRIED["codec: a record's bytes"] += 1
    try:
        event = CODEC.decode(record.topic, record.value)
    except InvalidMessageError:
        return
    again = CODEC.encode(event)
    assert CODEC.encode(CODEC.decode(record.topic, again)) == again
    CODEC.outgoing(event)


@fuzzed(100)
@given(data=st.data())
def test_no_spoiled_control_record_passes_for_signed(data: st.DataObject) -> None:
    TRIED["signature of a control record"] += 1
    sound = data.draw(st.sampled_from(SIGNED))
    unsigned = CODEC.decode(sound.topic, sound.value)
    assert isinstance(unsigned, (Deployment, WatchlistEntry, PurgeCertificate))
    signed = CODEC.encode(_signed(unsigned))
    value = data.draw(spoiled(st.just(signed), _HEADER))
    try:
        event = CODEC.decode(sound.topic, value)
    except InvalidMessageError:
        return
    message = _message(sound.topic, value)
    if signature_check(CODEC, TRUST, demonstration=True)(message, event):
        assert CODEC.encode(event) == signed


def _signed(event: Deployment | WatchlistEntry | PurgeCertificate) -> Event:
    blank = replace(event, signature=UNSIGNED)
    return replace(event, signature=SIGNER.sign(CODEC.body(blank)))


def _message(topic: str, value: bytes) -> Message:
    return Message(
        position=Position(Partition(topic, 0), 0), key=b"", value=value, headers=(), timestamp=NOW
    )


@fuzzed(100)
@given(values=st.lists(spoiled(st.just(_BY_KIND[Deployment].value), _HEADER), max_size=4))
def test_an_authority_survives_every_deployment_it_hears(values: list[bytes]) -> None:
    TRIED["authority: deployments"] += 1
    authority = FollowedAuthority(known=lambda: True)
    for event in _events(_BY_KIND[Deployment].topic, values):
        assert isinstance(event, Deployment)
        authority.heard(event)
    for now in (NOW, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        authority.in_force(now)
        authority.why_not(now)
        authority.for_camera("van-1", now)


@fuzzed(100)
@given(values=st.lists(spoiled(st.just(_BY_KIND[ServiceStatus].value), _HEADER), max_size=4))
def test_a_status_that_nobody_means_shuts_capture_and_ends_nothing(values: list[bytes]) -> None:
    TRIED["status: words of services"] += 1
    board = StatusBoard()
    for event in _events(_BY_KIND[ServiceStatus].topic, values):
        assert isinstance(event, ServiceStatus)
        board.heard(event)
    why = why_upstream_not_ready(board.words(), NOW)
    assert why is None or isinstance(why, str)


@fuzzed(100)
@given(
    values=st.lists(
        spoiled(
            st.sampled_from([one.value for one in CORPUS if one.topic.endswith("erasures")]),
            _HEADER,
        ),
        max_size=6,
    )
)
def test_the_account_of_keys_survives_every_erasure(values: list[bytes]) -> None:
    TRIED["account: erasures"] += 1
    ledger = Ledger()
    for event in _events("lookout.erasures", values):
        ledger.apply(event)  # type: ignore[arg-type]  # nothing else lies on that topic
    account(ledger, states=[], alive=0, pending=[])


@fuzzed(80)
@given(values=st.lists(spoiled(st.just(_BY_KIND[WatchlistEntry].value), _HEADER), max_size=4))
def test_a_watchlist_has_a_hash_whatever_is_on_it(values: list[bytes]) -> None:
    TRIED["watchlist: entries"] += 1
    entries = [
        event
        for event in _events(_BY_KIND[WatchlistEntry].topic, values)
        if isinstance(event, WatchlistEntry)
    ]
    assert len(content_hash(entries)) == 64


def _events(topic: str, values: list[bytes]) -> list[Event]:
    found = []
    for value in values:
        try:
            found.append(CODEC.decode(topic, value))
        except InvalidMessageError:
            continue
    return found

"""Anchors are made when they are due, kept in a folder that must be writable, and passed on without ever holding up."""

import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from lookout.events import ServiceState
from lookout_keeper.adapters.anchor_folder import AnchorFolder, NoFolder, read_anchors
from lookout_keeper.adapters.anchor_webhook import AnchorWebhook
from lookout_keeper.anchoring import Anchoring, AnchorRules
from lookout_keeper.anchors import Anchor, anchored, read_anchor
from lookout_keeper.domain import ChainHead
from lookout_keeper.processor import Keeper
from support.keeping import SIGNER, Bench
from support.keyrings import START
from support.polling import until

RULES = AnchorRules(every=timedelta(seconds=60), links=3, stops_after=timedelta(seconds=60))


@dataclass
class FakeStore:
    kept: list[Anchor] = field(default_factory=list)
    error: OSError | None = None

    def keep(self, anchor: Anchor) -> None:
        if self.error is not None:
            raise self.error
        self.kept.append(anchor)


@dataclass
class Rig:
    bench: Bench = field(default_factory=Bench)
    store: FakeStore = field(default_factory=FakeStore)
    sent: list[Anchor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keeper: Keeper = self.bench.keeper()
        self.issuer = self.bench.issuer()
        self.anchoring = Anchoring(
            books=self.keeper,
            sign=SIGNER.sign,
            store=self.store,
            send=self.sent.append,
            clock=self.bench.now,
            metrics=self.bench.metrics,
            rules=RULES,
        )

    def links(self, number: int) -> None:
        for _ in range(number):
            self.bench.destroy(self.issuer.make("d1", 1))
            self.keeper.drain()

    def sequences(self) -> list[int]:
        return [anchor.sequence for anchor in self.store.kept]


def test_the_first_turn_anchors_even_an_empty_chain() -> None:
    rig = Rig()

    rig.anchoring.turn()
    rig.anchoring.turn()

    assert rig.sequences() == [0]
    assert rig.sent == rig.store.kept
    assert rig.anchoring.state() == (ServiceState.LIVE, "")


def test_an_anchor_is_due_after_its_time_after_many_links_and_when_one_is_wanted() -> None:
    rig = Rig()
    rig.anchoring.turn()

    rig.links(2)
    rig.anchoring.turn()
    assert rig.sequences() == [0]
    rig.links(1)
    rig.anchoring.turn()
    assert rig.sequences() == [0, 3]
    rig.bench.keyring.advance(RULES.every)
    rig.anchoring.turn()
    assert rig.sequences() == [0, 3, 3]
    rig.links(1)
    rig.anchoring.request()
    rig.anchoring.turn()
    rig.anchoring.turn()
    assert rig.sequences() == [0, 3, 3, 4]
    assert rig.bench.sample("anchors_total") == 4
    assert rig.bench.sample("anchored_links") == 4


def test_a_folder_that_takes_no_anchor_degrades_the_keeper_and_stops_it_after_a_minute() -> None:
    rig = Rig()
    rig.store.error = PermissionError(13, "Permission denied")

    rig.anchoring.turn()
    state, why = rig.anchoring.state()
    assert state is ServiceState.DEGRADED
    assert "Permission denied" in why
    rig.bench.keyring.advance(RULES.stops_after)
    rig.anchoring.turn()
    assert rig.anchoring.state() == (ServiceState.NOT_RUNNING, why)
    assert rig.sent == []
    assert rig.bench.sample("anchor_failures_total", place="folder") == 2

    rig.store.error = None
    rig.anchoring.turn()
    assert rig.anchoring.state() == (ServiceState.LIVE, "")
    assert rig.sequences() == [0]


def _anchor(sequence: int = 0, *, days: int = 0) -> Anchor:
    head = ChainHead(sequence, bytes([sequence]) * 32)
    return anchored(head, at=START + timedelta(days=days), sign=SIGNER.sign)


def test_the_folder_holds_a_file_a_day_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "anchors"
    store = AnchorFolder(folder)
    anchors = [_anchor(1), _anchor(2), _anchor(3, days=1)]

    for anchor in anchors:
        store.keep(anchor)

    assert [path.name for path in sorted(folder.iterdir())] == [
        "2026-06-01.jsonl",
        "2026-06-02.jsonl",
    ]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert read_anchors(folder) == (anchors, [])


def test_a_line_that_a_crash_cut_short_is_told_and_swallows_no_other(tmp_path: Path) -> None:
    assert read_anchors(tmp_path) == ([], [])
    store = AnchorFolder(tmp_path)
    store.keep(_anchor(1))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-20])

    store.keep(_anchor(2))

    anchors, unreadable = read_anchors(tmp_path)
    assert anchors == [_anchor(2)]
    assert [one.split(": ")[0] for one in unreadable] == ["2026-06-01.jsonl:1"]


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OSError, match="file"):
        AnchorFolder(tmp_path / "file" / "anchors").keep(_anchor())
    NoFolder().keep(_anchor())


@dataclass
class Receiver:
    """Another house: refuses until it is told to take."""

    takes: threading.Event = field(default_factory=threading.Event)
    status: int = 503
    requests: list[httpx.Request] = field(default_factory=list)
    taken: list[Anchor] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if not self.takes.is_set():
            if self.status == 0:
                raise httpx.ReadTimeout("too slow", request=request)
            return httpx.Response(self.status)
        self.taken.append(read_anchor(request.content.decode()))
        return httpx.Response(204)


@contextmanager
def _webhook(receiver: Receiver, bench: Bench) -> Iterator[AnchorWebhook]:
    webhook = AnchorWebhook(
        client=httpx.Client(transport=httpx.MockTransport(receiver)),
        url="https://auditor.example/anchors?token=hidden",
        secret="a-secret",
        metrics=bench.metrics,
        again_s=(0.01,),
    )
    try:
        yield webhook
    finally:
        webhook.close()


@pytest.mark.parametrize("status", [503, 401, 0])
def test_what_the_webhook_does_not_take_is_counted_and_posted_again_in_order(
    status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver, bench = Receiver(status=status), Bench()
    with _webhook(receiver, bench) as webhook:
        for number in (1, 2, 3):
            webhook.send(_anchor(number))
        until(lambda: len(receiver.requests) >= 3, "attempts")
        assert (bench.sample("anchor_failures_total", place="webhook") or 0) >= 2
        receiver.takes.set()
        until(lambda: len(receiver.taken) == 3, "all anchors")

    assert receiver.taken == [_anchor(1), _anchor(2), _anchor(3)]
    assert receiver.requests[0].headers["Authorization"] == "Bearer a-secret"
    said = "".join(capsys.readouterr())
    assert "a-secret" not in said
    assert "hidden" not in said


def test_closing_posts_what_waits_and_does_not_wait_for_a_receiver_that_refuses() -> None:
    taking, refusing, bench = Receiver(), Receiver(), Bench()
    taking.takes.set()

    with _webhook(taking, bench) as webhook:
        webhook.send(_anchor(1))
    with _webhook(refusing, bench) as webhook:
        webhook.send(_anchor(1))

    assert taking.taken == [_anchor(1)]
    assert refusing.requests

"""Keys alive by what they are for, and those that are alive for too long."""

from datetime import datetime, timedelta

import pytest
from lookout.sealing.issuer import BlockIssuer
from lookout.sealing.metrics import KeyMetrics
from lookout.sealing.ports import BlockState, KeyringUnavailableError
from lookout_keeper.ages import Age, Ages, Allowed, KeyClass, class_of, tallied
from lookout_keeper.processor import Keeper
from lookout_keeper.watching import KeyWatch
from prometheus_client import CollectorRegistry
from support.keeping import Bench
from support.keyrings import START


def _s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _block(made: int) -> BlockState:
    return BlockState(
        block_id="b",
        deployment_id="d1",
        service="detection",
        count=10,
        made=made,
        closed=False,
        idle_for=_s(0),
    )


def _at(seconds: float) -> datetime:
    return START + _s(seconds)


@pytest.mark.parametrize(
    ("purpose", "age", "left_s", "kind"),
    [
        ("", Age(_s(0), _s(0)), 0, KeyClass.OTHER),
        ("frame", Age(_s(5), _s(6)), 55, KeyClass.FRAME),
        ("face", Age(_s(5), _s(6)), 54.5, KeyClass.FACE),
        ("face", Age(_s(5), _s(6)), 34, KeyClass.PENDING),
        ("face", Age(_s(5), _s(6)), 600, KeyClass.EVIDENCE),
        # In its last minute evidence has no more left than another face; its age tells it apart.
        ("face", Age(_s(590), _s(591)), 20, KeyClass.EVIDENCE),
    ],
)
def test_a_keys_class_follows_from_its_purpose_its_age_and_what_it_has_left(
    purpose: str, age: Age, left_s: float, kind: KeyClass
) -> None:
    assert class_of(purpose, age, _s(left_s), Allowed()) is kind


def test_a_keys_age_lies_between_the_looks_that_it_was_made_between() -> None:
    ages = Ages()
    assert ages.age("b", 0, START, _at(3)) == Age(_s(0), _s(3))
    for second, made in ((1, 0), (2, 2), (3, 2), (4, 3)):
        ages.note([_block(made)], _at(second))

    now = _at(10)
    assert ages.age("b", 0, START, now) == Age(_s(8), _s(9))
    assert ages.age("b", 1, START, now) == Age(_s(8), _s(9))
    assert ages.age("b", 2, START, now) == Age(_s(6), _s(8))
    assert ages.age("b", 3, START, now) == Age(_s(0), _s(6))


def test_keys_that_were_there_at_the_first_look_are_as_old_as_it_at_least() -> None:
    ages = Ages()
    ages.note([_block(2)], _at(5))

    assert ages.age("b", 1, START, _at(7)) == Age(_s(2), _s(7))


def test_only_what_is_certainly_too_old_is_overdue() -> None:
    alive, overdue = tallied([], Allowed())
    assert set(alive.values()) == set(overdue.values()) == {0}

    found = [
        (KeyClass.FRAME, Age(_s(2), _s(9))),
        (KeyClass.FRAME, Age(_s(2.1), _s(3))),
        (KeyClass.FACE, Age(_s(9), _s(60))),
        (KeyClass.EVIDENCE, Age(_s(600), _s(601))),
    ]
    alive, overdue = tallied(found, Allowed())
    assert (alive[KeyClass.FRAME], overdue[KeyClass.FRAME]) == (2, 1)
    assert (alive[KeyClass.FACE], overdue[KeyClass.FACE]) == (1, 0)
    assert (alive[KeyClass.EVIDENCE], overdue[KeyClass.EVIDENCE]) == (1, 0)


class Rig:
    """A keeper and its watch, and issuers of both purposes."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.keeper: Keeper = self.bench.keeper()
        self.frames, self.faces = self._issuer("frame"), self._issuer("face")
        self.watch = KeyWatch(
            keyring=self.bench.keyring,
            books=self.keeper,
            clock=self.bench.now,
            metrics=self.bench.metrics,
            allowed=Allowed(),
        )

    def _issuer(self, purpose: str) -> BlockIssuer:
        return BlockIssuer(
            keyring=self.bench.keyring,
            announce=lambda record: self.bench.log.append([record]),
            service="s",
            purpose=purpose,
            ttl=_s(60),
            clock=self.bench.now,
            metrics=KeyMetrics(CollectorRegistry()),
            block_size=10,
        )

    def look(self, *, after_s: float = 1.0) -> None:
        self.bench.keyring.advance(_s(after_s))
        self.keeper.drain()
        self.watch.turn()

    def alive(self, kind: KeyClass) -> float | None:
        return self.bench.sample("keys_alive", purpose=kind)

    def overdue(self, kind: KeyClass) -> float | None:
        return self.bench.sample("keys_overdue", purpose=kind)


def test_nothing_is_alive_and_overdue_at_first() -> None:
    rig = Rig()
    rig.look()
    assert {rig.alive(kind) for kind in KeyClass} == {rig.overdue(kind) for kind in KeyClass} == {0}


def test_a_frames_key_is_overdue_after_two_seconds_and_no_more_once_it_is_destroyed() -> None:
    rig = Rig()
    rig.look()
    keys = rig.frames.make("d1", 2)

    rig.look()
    assert (rig.alive(KeyClass.FRAME), rig.overdue(KeyClass.FRAME)) == (2, 0)
    rig.look(after_s=2)
    assert rig.overdue(KeyClass.FRAME) == 0
    rig.look()
    assert rig.overdue(KeyClass.FRAME) == 2

    rig.bench.destroy(keys)
    rig.look()
    assert (rig.alive(KeyClass.FRAME), rig.overdue(KeyClass.FRAME)) == (0, 0)


def test_faces_kept_for_a_reason_are_not_overdue_and_others_are() -> None:
    rig = Rig()
    rig.look()
    evidence, pending, _forgotten = rig.faces.make("d1", 3)
    rig.bench.keyring.extend([evidence.key_id], _s(600))
    rig.bench.keyring.extend([pending.key_id], _s(34))

    for _ in range(12):
        rig.look()

    found = {kind: (rig.alive(kind), rig.overdue(kind)) for kind in KeyClass}
    assert found[KeyClass.EVIDENCE] == (1, 0)
    assert found[KeyClass.PENDING] == (1, 0)
    assert found[KeyClass.FACE] == (1, 1)


def test_a_look_is_taken_once_a_second_and_a_keyring_that_is_away_is_the_callers_to_wait_for() -> (
    None
):
    rig = Rig()
    rig.look()
    calls = rig.bench.keyring.calls
    rig.watch.turn()
    assert rig.bench.keyring.calls == calls

    rig.bench.keyring.available = False
    rig.bench.keyring.advance(_s(1))
    with pytest.raises(KeyringUnavailableError):
        rig.watch.turn()

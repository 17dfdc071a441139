"""The runner carries out outcomes in one order, so that a crash anywhere loses nothing and repeats harmlessly."""

from collections.abc import Sequence

import pytest
from lookout.events import ErasureReason, Face, Frame
from lookout.sealing.ports import KeyringUnavailableError
from lookout.stream.dead_letters import DeadLetterLimit, PoisonedStreamError
from lookout.stream.ports import DeliveryError, Outgoing, Position, RetryableError
from lookout.stream.processor import Delivery, Outcome, Rejection
from support.polling import until
from support.streaming import (
    GROUP,
    CrashError,
    FaceStage,
    FailingKeyring,
    KillableBroker,
    World,
    a_face,
    at_work,
    processed,
)


def destroyed(world: World) -> list[ErasureReason]:
    return [pending.receipt.reason for pending in world.keyring.pending_receipts(1000)]


def is_done(world: World, count: int) -> bool:
    return len(destroyed(world)) >= count


def test_events_are_produced_keys_destroyed_and_offsets_committed() -> None:
    world = World()
    frames = world.send_frames(10)

    with at_work(world.runner(FaceStage()).run):
        until(lambda: is_done(world, 10), "ten keys destroyed")

    assert sorted(world.face_ids()) == sorted(f"face of {frame.frame_id}" for frame in frames)
    assert not any(world.keyring.alive([frame.image.key_id for frame in frames]))
    assert destroyed(world) == [ErasureReason.PROCESSED] * 10
    assert world.uncommitted() == 0
    assert world.turns > 0
    assert world.sample("lookout_keys_destroyed_total", reason="processed") == 10
    topic = world.catalogue.topic_of(Frame).name
    assert world.sample("lookout_stream_received_total", topic=topic) == 10


STEPS = [
    "before produce",
    "after produce",
    "after flush",
    "before destroy",
    "after destroy",
    "before stage",
    "after stage",
    "after commit",
]


@pytest.mark.parametrize("step", STEPS)
def test_kill_at_any_step_loses_nothing(step: str) -> None:
    world = World()
    keyring = FailingKeyring()
    keyring.open_block(block_id="block-1", deployment_id="deployment-1", service="s", count=100)
    keyring.crash_before, keyring.crash_after = step == "before destroy", step == "after destroy"
    world.keyring = keyring
    frames = world.send_frames(9)

    with (
        pytest.raises(CrashError),
        at_work(world.runner(FaceStage(), broker=KillableBroker(world.broker, step)).run) as alive,
    ):
        until(lambda: not alive(), "the crash")
    keyring.crash_before = keyring.crash_after = False
    with at_work(world.runner(FaceStage()).run):
        until(lambda: is_done(world, 9), "nine keys destroyed")

    assert set(world.face_ids()) == {f"face of {frame.frame_id}" for frame in frames}
    assert len(destroyed(world)) == 9  # one receipt each, however often the order came
    assert world.uncommitted() == 0


def test_key_is_not_destroyed_unless_what_depends_on_it_is_acknowledged() -> None:
    world = World()
    frames = world.send_frames(3)

    with (
        pytest.raises(CrashError),
        at_work(
            world.runner(FaceStage(), broker=KillableBroker(world.broker, "after produce")).run
        ) as alive,
    ):
        until(lambda: not alive(), "the crash")

    assert all(world.keyring.alive([frame.image.key_id for frame in frames]))
    assert world.uncommitted() == 3


def test_keyring_that_does_not_answer_is_waited_for() -> None:
    world = World()
    world.send_frames(3)
    world.keyring.available = False

    with at_work(world.runner(FaceStage()).run):
        until(lambda: bool(world.troubles and world.troubles[-1]), "trouble")
        turns = world.turns
        until(lambda: world.turns > turns, "turns, for it is alive")
        world.keyring.available = True
        until(lambda: is_done(world, 3), "three keys destroyed")
        until(lambda: world.troubles[-1] is None, "no more trouble")

    assert len(world.face_ids()) == 3  # produced once: only the destruction was repeated
    assert "keyring" in (world.troubles[-2] or "")
    assert (world.sample("lookout_stream_retries_total") or 0) > 0


@pytest.mark.parametrize("error", [RetryableError("later"), KeyringUnavailableError("later")])
def test_processor_that_cannot_yet_gets_the_same_batch_again(error: Exception) -> None:
    world = World()
    stage = FaceStage()
    seen: list[list[str]] = []

    def work(batch: Sequence[Delivery[Frame]]) -> Outcome:
        seen.append([delivery.event.frame_id for delivery in batch])
        if len(seen) < 3:
            raise error
        return Outcome(destroy=[processed(delivery.event) for delivery in batch])

    stage.work = work
    world.send_frames(2)

    with at_work(world.runner(stage, batch_max=10).run):
        until(lambda: is_done(world, 2), "two keys destroyed")

    assert seen[0] == seen[1] == seen[2]


def test_stop_while_something_does_not_answer_leaves_the_batch_to_the_successor() -> None:
    world = World()
    world.send_frames(3)
    world.keyring.available = False

    with at_work(world.runner(FaceStage()).run):
        until(lambda: bool(world.troubles and world.troubles[-1]), "trouble")

    world.keyring.available = True
    assert world.uncommitted() == 3


class Doubt:
    """Good until the first poll has begun; from then on there is a reason against working, until it is lifted."""

    def __init__(self) -> None:
        self.asked = 0
        self.lifted = False

    def __call__(self) -> str:
        self.asked += 1
        return "" if self.lifted or self.asked == 1 else "doubt"


def test_what_a_poll_returns_after_doubt_arose_waits_until_it_is_lifted() -> None:
    world = World()
    world.send_frames(3)
    doubt = Doubt()

    with at_work(world.runner(FaceStage(), why_not=doubt).run):
        until(lambda: doubt.asked > 3, "it asks again and again")
        assert not destroyed(world)
        doubt.lifted = True
        until(lambda: is_done(world, 3), "three keys destroyed")

    assert len(world.face_ids()) == 3


def test_stop_in_doubt_leaves_what_was_polled_to_the_successor() -> None:
    world = World()
    world.send_frames(3)
    doubt = Doubt()

    with at_work(world.runner(FaceStage(), why_not=doubt).run):
        until(lambda: doubt.asked > 3, "it asks again and again")

    assert not destroyed(world)
    assert world.uncommitted() == 3


@pytest.mark.parametrize("corrupt", [0, 1, 5])
def test_corrupt_messages_are_set_aside_and_the_stream_goes_on(corrupt: int) -> None:
    world = World()
    world.send_garbage(corrupt)
    world.send_frames(3)

    with at_work(world.runner(FaceStage()).run):
        until(lambda: is_done(world, 3), "three keys destroyed")

    assert len(world.face_ids()) == 3
    assert [(letter.error, letter.original_value) for letter in world.dead_letters()] == [
        ("not_avro", b"garbage")
    ] * corrupt
    assert world.uncommitted() == 0


def test_poisoned_stream_ends_the_runner_before_it_is_drained() -> None:
    world = World()
    world.send_garbage(100)

    with (
        pytest.raises(PoisonedStreamError),
        at_work(world.runner(FaceStage(), limit=DeadLetterLimit(least=10)).run) as alive,
    ):
        until(lambda: not alive(), "the end")

    assert len(world.dead_letters()) < 10
    assert world.uncommitted() > 90


def test_rejected_delivery_is_set_aside_and_its_keys_destroyed() -> None:
    world = World()
    (frame,) = world.send_frames(1)
    stage = FaceStage(
        lambda batch: Outcome(
            reject=[Rejection(batch[0].position, "not_an_image", "why", (processed(frame),))]
        )
    )

    with at_work(world.runner(stage).run):
        until(lambda: bool(world.dead_letters()), "a dead letter")

    (letter,) = world.dead_letters()
    assert (letter.error, letter.deployment_id) == ("not_an_image", frame.deployment_id)
    assert world.keyring.alive([frame.image.key_id]) == [False]
    assert world.uncommitted() == 0


def test_held_delivery_stays_uncommitted_until_it_is_released() -> None:
    world = World()
    world.send_frames(3)
    stage, held = FaceStage(), list[Position]()

    def hold_first(batch: Sequence[Delivery[Frame]]) -> Outcome:
        if not held:
            held.append(batch[0].position)
            return Outcome(held=[batch[0].position])
        return Outcome()

    stage.work = hold_first
    with at_work(world.runner(stage).run):
        until(lambda: bool(held) and world.turns > 5, "turns")
    assert world.uncommitted() >= 1

    held.clear()
    released: list[Position] = []

    def release() -> Outcome:
        if held and not released:
            released.extend(held)
            return Outcome(released=list(held))
        return Outcome()

    stage.on_tick = release
    with at_work(world.runner(stage).run):
        until(lambda: bool(released), "the release")
    assert world.uncommitted() == 0


def test_held_delivery_can_be_rejected_later() -> None:
    world = World()
    (frame,) = world.send_frames(1)
    held: list[Position] = []
    stage = FaceStage()

    def hold(batch: Sequence[Delivery[Frame]]) -> Outcome:
        held.append(batch[0].position)
        return Outcome(held=list(held))

    def reject() -> Outcome:
        if not held:
            return Outcome()
        position = held.pop()
        return Outcome(
            reject=[Rejection(position, "too_late", "why", (processed(frame),))],
            released=[position],
        )

    stage.work, stage.on_tick = hold, reject
    with at_work(world.runner(stage).run):
        until(lambda: bool(world.dead_letters()), "a dead letter")

    assert world.dead_letters()[0].original_value is not None
    assert world.uncommitted() == 0


def test_drain_finishes_what_can_be_finished() -> None:
    world = World()
    frames = world.send_frames(2)
    stage, held = FaceStage(), list[Delivery[Frame]]()

    def hold(batch: Sequence[Delivery[Frame]]) -> Outcome:
        held.extend(batch)
        return Outcome(held=[delivery.position for delivery in batch])

    stage.work = hold
    stage.on_drain = lambda: Outcome(
        produce=[a_face(delivery.event) for delivery in held],
        destroy=[processed(delivery.event) for delivery in held],
        released=[delivery.position for delivery in held],
    )
    with at_work(world.runner(stage).run):
        until(lambda: len(held) == 2, "both held")

    assert len(world.face_ids()) == 2
    assert not any(world.keyring.alive([frame.image.key_id for frame in frames]))
    assert world.uncommitted() == 0


def test_event_too_large_for_any_broker_costs_its_key_and_not_the_service() -> None:
    world = World()
    frames = world.send_frames(2)
    stage = FaceStage(
        lambda batch: Outcome(
            produce=[
                a_face(delivery.event, 5_000_000 if delivery.event == frames[0] else 16)
                for delivery in batch
            ]
        )
    )

    with at_work(world.runner(stage).run):
        until(lambda: len(world.face_ids()) == 1 and is_done(world, 1), "the other face")

    assert world.keyring.alive([frame.image.key_id for frame in frames]) == [False, True]
    assert destroyed(world) == [ErasureReason.REJECTED]
    topic = world.catalogue.topic_of(Face).name
    assert world.sample("lookout_stream_undeliverable_total", topic=topic, kind="too_large") == 1
    assert world.uncommitted() == 0


def test_what_is_not_acknowledged_ends_the_runner_uncommitted() -> None:
    world = World()
    frames = world.send_frames(1)

    class NoSuchTopic:
        """Encodes to a topic that does not exist."""

        decode = world.codec.decode

        def outgoing(self, event: Face, *, traceparent: str | None = None) -> Outgoing:
            return Outgoing("missing", b"key", b"value")

    runner = world.runner(FaceStage())
    runner._codec = NoSuchTopic()  # type: ignore[assignment]  # knows faces only

    with pytest.raises(DeliveryError), at_work(runner.run) as alive:
        until(lambda: not alive(), "the end")

    assert all(world.keyring.alive([frame.image.key_id for frame in frames]))
    assert world.uncommitted() == 1


def test_partitions_that_move_are_told_to_the_processor() -> None:
    world = World()
    world.send_frames(3)
    stage = FaceStage()
    frames = world.catalogue.topic_of(Frame)
    with at_work(world.runner(stage).run):
        until(lambda: is_done(world, 3), "all done")
        other = world.broker.consumer(group=GROUP, topics=[frames.name])
        until(lambda: not other.poll(1, 0.01) and bool(stage.lost), "lost partitions")
        other.close()
        until(lambda: world.turns > 0, "turns")

    assert {partition.topic for partition in stage.lost} == {frames.name}


def test_processor_is_told_the_time_without_messages() -> None:
    world = World()
    ticks: list[int] = []

    def tick() -> Outcome:
        ticks.append(1)
        return Outcome()

    stage = FaceStage(on_tick=tick)

    with at_work(world.runner(stage).run):
        until(lambda: len(ticks) > 2, "ticks")

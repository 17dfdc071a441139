"""The follower hands on what is signed and readable, in order, and knows when it knows enough."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from lookout.events import Event, Frame
from lookout.stream.follower import Follower
from lookout.stream.memory import MemoryBroker
from lookout.stream.ports import Message, Outgoing, Reader, RetryableError, StreamError
from support.polling import until
from support.streaming import World


@contextmanager
def following(
    world: World,
    handler: Callable[[Event], None],
    *,
    verify: Callable[[Message, Event], bool] | None = None,
    broker: MemoryBroker | None = None,
    monotonic: Callable[[], float] = lambda: 0.0,
) -> Iterator[Follower]:
    follower = Follower(
        broker=broker or world.broker,
        topics=[world.catalogue.topic_of(Frame).name],
        codec=world.codec,
        handler=handler,
        verify=verify,
        metrics=world.metrics,
        monotonic=monotonic,
    )
    follower.start()
    try:
        yield follower
    finally:
        follower.close()


def refused(world: World, kind: str) -> float:
    topic = world.catalogue.topic_of(Frame).name
    return world.sample("lookout_control_refused_total", topic=topic, kind=kind) or 0.0


@pytest.mark.parametrize("count", [0, 1, 2000])
def test_follower_is_ready_once_all_that_was_there_is_handled(count: int) -> None:
    world, heard = World(), list[Event]()
    frames = world.send_frames(count)

    with following(world, heard.append) as follower:
        assert follower.wait_ready(10)
        assert sorted(map(repr, heard)) == sorted(map(repr, frames))
        assert follower.healthy()
        (later,) = world.send_frames(1)
        until(lambda: later in heard, "what came later")


def test_events_of_a_key_come_in_order() -> None:
    world, heard = World(), list[Event]()
    world.send_frames(30)

    with following(world, heard.append) as follower:
        assert follower.wait_ready(10)

    for camera in ("camera-0", "camera-1", "camera-2"):
        numbers = [e.sequence for e in heard if isinstance(e, Frame) and e.camera_id == camera]
        assert numbers == sorted(numbers)
        assert len(numbers) == 10


def test_what_cannot_be_read_or_is_not_signed_is_counted_and_ignored() -> None:
    world, heard = World(), list[Event]()
    frames = world.send_frames(3)
    world.send_garbage(2)
    world.send(Outgoing(world.catalogue.topic_of(Frame).name, b"camera-0", None))

    with following(world, heard.append, verify=lambda _, event: event != frames[1]) as follower:
        assert follower.wait_ready(10)

    assert sorted(map(repr, heard)) == sorted(map(repr, [frames[0], frames[2]]))
    assert refused(world, "not_avro") == 2
    assert refused(world, "not_signed") == 1


def test_handler_that_fails_makes_the_follower_unhealthy_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    raised: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: raised.append(args.exc_value))

    def handler(event: Event) -> None:
        raise ValueError(event.deployment_id)

    with following(world, handler) as follower:
        assert follower.wait_ready(10)
        world.send_frames(1)
        until(lambda: not follower.healthy(), "ill health")

    assert [type(error) for error in raised] == [ValueError]


def test_follower_that_has_not_read_for_too_long_is_not_healthy() -> None:
    world = World()
    now = [0.0]
    reading = threading.Event()

    class StallingBroker(MemoryBroker):
        def reader(self, topics: object, *, from_end: bool = False) -> Reader:
            return _StallingReader(reading)

    with following(
        world, lambda _: None, broker=StallingBroker(), monotonic=lambda: now[0]
    ) as follower:
        assert follower.wait_ready(10)
        assert follower.healthy(max_age_s=5.0)
        reading.set()
        now[0] = 6.0
        assert not follower.healthy(max_age_s=5.0)
        reading.clear()


class _StallingReader:
    """Polls at once, until told to stall."""

    def __init__(self, stalled: threading.Event) -> None:
        self._stalled = stalled

    def poll(self, max_messages: int, timeout_s: float) -> list[Message]:
        until(lambda: not self._stalled.is_set(), "the stall's end")
        return []

    def caught_up(self) -> bool:
        return True

    def close(self) -> None:
        pass


def test_lost_stream_is_read_again_and_nothing_counts_as_known_meanwhile() -> None:
    world, heard = World(), list[Event]()
    world.send_frames(1)
    lost, back = threading.Event(), threading.Event()

    class LosingBroker(MemoryBroker):
        """Its reader fails when told to; there is no other until the broker is back."""

        def reader(self, topics: object, *, from_end: bool = False) -> Reader:
            if lost.is_set() and not back.is_set():
                raise StreamError("no broker")
            return _LosingReader(
                world.broker.reader([world.catalogue.topic_of(Frame).name]), lost, back
            )

    with following(world, heard.append, broker=LosingBroker()) as follower:
        assert follower.wait_ready(10)
        lost.set()
        until(lambda: not follower.healthy(), "ill health")
        back.set()
        until(follower.healthy, "health")

    assert len(heard) == 2  # the one event, once each time


class _LosingReader:
    def __init__(self, reader: Reader, lost: threading.Event, back: threading.Event) -> None:
        self._reader, self._lost, self._back = reader, lost, back

    def poll(self, max_messages: int, timeout_s: float) -> "list[Message]":
        if self._lost.is_set() and not self._back.is_set():
            raise StreamError("lost")
        return list(self._reader.poll(max_messages, 0.01))

    def caught_up(self) -> bool:
        return self._reader.caught_up()

    def close(self) -> None:
        self._reader.close()


def test_registry_that_does_not_answer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookout.stream.follower._AGAIN_S", 0.001)
    world, heard = World(), list[Event]()
    world.send_frames(1)
    attempts: list[str] = []

    class SlowCodec:
        def decode(self, topic_name: str, value: bytes | None) -> Event:
            attempts.append(topic_name)
            if len(attempts) < 3:
                raise RetryableError("the registry does not answer")
            return world.codec.decode(topic_name, value)

    follower = Follower(
        broker=world.broker,
        topics=[world.catalogue.topic_of(Frame).name],
        codec=SlowCodec(),
        handler=heard.append,
        verify=None,
        metrics=world.metrics,
    )
    follower.start()
    assert follower.wait_ready(10)
    follower.close()

    assert (len(attempts), len(heard)) == (3, 1)

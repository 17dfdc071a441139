"""Dead letters carry the original, and a poisoned stream stops instead of draining away."""

from collections.abc import Callable

import pytest
from lookout.events import DeadLetter, Frame
from lookout.stream.dead_letters import DeadLetterLimit, DeadLetters, PoisonedStreamError
from lookout.stream.ports import Message, Partition, Position
from support.streaming import DEPLOYMENT, NOW, World

LIMIT = DeadLetterLimit(ratio=0.1, window=100, least=5, in_a_row=20)


def make(world: World, limit: DeadLetterLimit = LIMIT) -> DeadLetters:
    return DeadLetters(
        producer=world.broker.producer(),
        codec=world.codec,
        service="stage",
        clock=lambda: NOW,
        metrics=world.metrics,
        limit=limit,
    )


def a_message(world: World, offset: int = 0, value: bytes | None = b"original") -> Message:
    partition = Partition(world.catalogue.topic_of(Frame).name, 2)
    headers = (("ce_deploymentid", DEPLOYMENT.encode()),)
    return Message(Position(partition, offset), b"camera-1", value, headers, NOW)


def spoil(letters: DeadLetters, world: World, pattern: str) -> None:
    """``x`` is a bad message, anything else a good one."""
    for offset, one in enumerate(pattern):
        if one == "x":
            letters.set_aside(a_message(world, offset), kind="undecodable", detail="why")
        else:
            letters.passed(1)


def test_dead_letter_says_where_the_original_came_from_and_why_it_is_here() -> None:
    world = World()
    make(world).set_aside(a_message(world, 7), kind="undecodable", detail="bad bytes")

    assert world.dead_letters() == [
        DeadLetter(
            deployment_id=DEPLOYMENT,
            source_topic=world.catalogue.topic_of(Frame).name,
            source_partition=2,
            source_offset=7,
            service="stage",
            error="undecodable",
            detail="bad bytes",
            failed_at=NOW,
            original_key=b"camera-1",
            original_value=b"original",
        )
    ]


def test_tombstone_can_be_set_aside() -> None:
    world = World()
    make(world).set_aside(a_message(world, value=None), kind="empty", detail="")

    assert [letter.original_value for letter in world.dead_letters()] == [None]


def test_original_too_large_to_be_sent_again_is_left_out() -> None:
    world = World()
    original = bytes(4 * 1024 * 1024)
    make(world).set_aside(a_message(world, value=original), kind="undecodable", detail="why")

    (letter,) = world.dead_letters()
    assert letter.original_value is None
    assert "left out" in letter.detail


@pytest.mark.parametrize(
    ("pattern", "poisoned"),
    [
        ("", False),
        ("xxxx", False),  # fewer than `least`: a young stream's hiccup
        ("xxxxx", True),
        ("." * 95 + "xxxxx", False),  # within the ratio
        ("." * 89 + "x" * 11, True),
        ("x" * 5 + "." * 5, True),
        ("xxxx" + "." * 100 + "xxxx", False),  # the window has forgotten the first
        (("." * 9 + "x") * 20, False),  # exactly the ratio
        (("." * 8 + "x") * 20, True),
    ],
)
def test_stream_is_poisoned_by_the_ratio_of_bad_messages(pattern: str, *, poisoned: bool) -> None:
    world = World()
    act: Callable[[], None] = lambda: spoil(make(world), world, pattern)  # noqa: E731 - called in either branch

    if poisoned:
        with pytest.raises(PoisonedStreamError, match="cannot be used"):
            act()
    else:
        act()
    assert len(world.dead_letters()) == pattern.count("x") or poisoned


def test_stream_is_poisoned_by_bad_messages_in_a_row_whatever_came_before() -> None:
    world = World()
    letters = make(world, DeadLetterLimit(ratio=0.9, window=1000, least=5, in_a_row=3))
    spoil(letters, world, "." * 100 + "xx.xxx")

    with pytest.raises(PoisonedStreamError):
        spoil(letters, world, "x")
    assert len(world.dead_letters()) == 5  # the one over the limit stays where it is

"""Noticing what Faust passes over."""

from dataclasses import dataclass

import pytest
from lookout.stream.ports import Partition, Position, StreamError
from lookout_alerting.adapters.progress import Progress

PARTITION = Partition("matches", 0)


@dataclass(slots=True)
class KnownOffsets:
    commit: int = 0
    oldest: int = 0

    def committed(self, partition: Partition) -> int:
        return self.commit

    def low(self, partition: Partition) -> int:
        return self.oldest


def at(offset: int) -> Position:
    return Position(PARTITION, offset)


@pytest.mark.parametrize(
    ("offsets", "first", "accepted"),
    [
        (KnownOffsets(), 0, True),
        (KnownOffsets(), 1, False),
        (KnownOffsets(commit=5), 5, True),
        (KnownOffsets(commit=5), 6, False),
        (KnownOffsets(commit=5), 3, True),
        (KnownOffsets(commit=5, oldest=9), 9, True),
        (KnownOffsets(commit=5, oldest=9), 10, False),
    ],
)
def test_first_message_must_be_the_commit_or_the_oldest_record_there_is(
    offsets: KnownOffsets, first: int, *, accepted: bool
) -> None:
    progress = Progress(offsets)
    assert not progress.expects(at(first), generation=1)
    if accepted:
        progress.begin(at(first), generation=1)
    else:
        with pytest.raises(StreamError, match="passed over"):
            progress.begin(at(first), generation=1)


def test_following_and_repeated_messages_are_expected_and_a_gap_is_not() -> None:
    progress = Progress(KnownOffsets())
    progress.took(at(7), generation=1)
    assert progress.expects(at(8), generation=1)
    assert progress.expects(at(7), generation=1)
    assert not progress.expects(at(9), generation=1)
    with pytest.raises(StreamError, match="offsets 8 to 8"):
        progress.begin(at(9), generation=1)


def test_repeated_message_does_not_move_the_expectation_back() -> None:
    progress = Progress(KnownOffsets())
    progress.took(at(7), generation=1)
    progress.took(at(2), generation=1)
    assert progress.expects(at(8), generation=1)


def test_gap_that_retention_made_is_no_loss() -> None:
    offsets = KnownOffsets()
    progress = Progress(offsets)
    progress.took(at(7), generation=1)
    offsets.oldest = 20
    progress.begin(at(20), generation=1)


def test_new_generation_begins_at_the_commit_again() -> None:
    progress = Progress(KnownOffsets(commit=3))
    progress.took(at(7), generation=1)
    assert not progress.expects(at(8), generation=2)
    progress.begin(at(3), generation=2)
    progress.took(at(3), generation=2)
    assert progress.expects(at(4), generation=2)
    assert not progress.expects(at(8), generation=2)

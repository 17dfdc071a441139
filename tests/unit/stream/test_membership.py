"""When a member without partitions is taken for one that its group has lost."""

from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException
from lookout.stream.membership import Membership


class Question:
    """Asked, and answered when the test says so."""

    def __init__(self) -> None:
        self.members: Sequence[str] | KafkaException | None = None

    def done(self) -> bool:
        return self.members is not None

    def result(self) -> Sequence[str]:
        if isinstance(self.members, KafkaException):
            raise self.members
        assert self.members is not None
        return self.members


class Group:
    def __init__(self) -> None:
        self.now = 100.0
        self.asked: list[Question] = []
        self.membership = Membership(
            self.ask, after_s=20, every_s=5, absences=3, monotonic=lambda: self.now
        )

    def ask(self) -> Question:
        self.asked.append(Question())
        return self.asked[-1]

    def lost(self, *, has_partitions: bool = False, seconds: float = 0.0) -> bool:
        self.now += seconds
        return self.membership.is_lost("us", has_partitions=has_partitions)

    def answered(self, answer: Sequence[str] | KafkaException) -> bool:
        """Whether the member is lost after one more question, answered so."""
        self.lost(seconds=5)
        self.asked[-1].members = answer
        return self.lost()


@pytest.fixture(name="group")
def group_fixture() -> Group:
    """A member that has had no partitions for so long that it asks."""
    group = Group()
    assert not group.lost()
    assert not group.lost(seconds=15)
    return group


def test_while_there_are_partitions_nothing_is_asked() -> None:
    group = Group()
    for _ in range(100):
        assert not group.lost(has_partitions=True, seconds=10)
    assert group.asked == []


def test_a_rebalance_is_waited_for_before_anything_is_asked() -> None:
    group = Group()
    assert not group.lost()
    assert not group.lost(seconds=19.9)
    assert group.asked == []
    assert not group.lost(seconds=0.1)
    assert len(group.asked) == 1


def test_three_answers_in_a_row_without_the_member_settle_it(group: Group) -> None:
    assert [group.answered(["them"]), group.answered([]), group.answered(["them"])] == [
        False,
        False,
        True,
    ]


def test_a_member_that_waits_its_turn_is_never_lost(group: Group) -> None:
    assert not any(group.answered(["them", "us"]) for _ in range(20))


def test_an_answer_that_names_the_member_begins_the_count_anew(group: Group) -> None:
    answers: list[Sequence[str]] = [[], [], ["us"], [], []]
    assert not any(group.answered(answer) for answer in answers)
    assert group.answered([])


def test_what_the_broker_does_not_answer_settles_nothing(group: Group) -> None:
    away = KafkaException(KafkaError(KafkaError._TRANSPORT))
    answers: list[Sequence[str] | KafkaException] = [[], [], away, [], [], away]
    assert not any(group.answered(answer) for answer in answers * 3)


def test_one_question_at_a_time_and_no_more_than_one_each_five_seconds(group: Group) -> None:
    for _ in range(10):
        group.lost(seconds=5)
    assert len(group.asked) == 1
    group.asked[0].members = ["us"]
    for _ in range(100):
        group.lost(seconds=0.05)
        group.asked[-1].members = ["us"]
    assert len(group.asked) == 2


def test_partitions_end_the_doubt(group: Group) -> None:
    group.answered([])
    group.answered([])
    assert not group.lost(has_partitions=True)
    assert not group.lost(seconds=1)
    assert not group.lost(seconds=20)
    assert not group.answered([])

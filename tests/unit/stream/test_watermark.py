"""The low watermark against a model that remembers everything."""

from hypothesis import given
from hypothesis import strategies as st
from lookout.stream.watermark import LowWatermark


def test_nothing_delivered_is_nothing_to_commit() -> None:
    watermark = LowWatermark()
    watermark.stage(7)

    assert watermark.position is None
    assert watermark.committable is None


def test_gap_is_passed_over() -> None:
    watermark = LowWatermark()
    watermark.deliver(3)
    watermark.deliver(9)
    watermark.stage(3)

    assert watermark.committable == 9
    watermark.stage(9)
    assert watermark.committable == watermark.position == 10


def test_rewound_log_starts_over() -> None:
    watermark = LowWatermark()
    for offset in (5, 6):
        watermark.deliver(offset)
    watermark.deliver(2)
    watermark.stage(5)

    assert watermark.committable == 2


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(1, 3)),
        st.tuples(st.just("stage"), st.integers(0, 40)),
    )
)


@given(_steps)
def test_committable_is_the_first_unfinished_offset_else_the_position(
    steps: list[tuple[str, int]],
) -> None:
    watermark = LowWatermark()
    delivered: list[int] = []
    staged: set[int] = set()
    for verb, number in steps:
        if verb == "deliver":  # the next offset, or one after a gap
            delivered.append((delivered[-1] if delivered else -1) + number)
            watermark.deliver(delivered[-1])
        else:
            watermark.stage(number)
            staged |= {number} & set(delivered)
        unfinished = [offset for offset in delivered if offset not in staged]
        position = delivered[-1] + 1 if delivered else None

        assert watermark.position == position
        assert watermark.committable == (unfinished[0] if unfinished else position)

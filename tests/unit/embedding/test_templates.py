"""What counts as a template, and how it travels."""

from collections.abc import Sequence

import numpy as np
import pytest
from lookout.vision.templates import is_template
from lookout_embedding.domain import template_bytes


@pytest.mark.parametrize(
    ("vector", "good"),
    [
        ([], False),
        ([0.0, 0.0], False),
        ([float("nan"), 1.0], False),
        ([float("inf"), 0.0], False),
        ([2.0, 0.0], False),
        ([0.6, 0.8], True),
    ],
)
def test_a_template_is_finite_and_of_length_one(vector: Sequence[float], good: bool) -> None:  # noqa: FBT001 - a table's expectation
    assert is_template(np.array(vector, dtype=np.float32)) is good


def test_a_template_travels_as_little_endian_floats() -> None:
    assert template_bytes(np.array([1.0, -2.0], dtype=np.float32)) == bytes.fromhex(
        "0000803f000000c0"
    )

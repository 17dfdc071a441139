"""Pictures are judged in memory, and whoever looks like somebody on the list is named."""

import numpy as np
import pytest
from lookout.vision.arrays import FloatArray
from lookout_console.adapters.examining import _Alike, _in_memory


def towards(*axes: int, dim: int = 8) -> FloatArray:
    vector = np.zeros(dim, dtype=np.float32)
    vector[list(axes)] = 1.0
    return vector / np.float32(np.linalg.norm(vector))


def test_the_most_alike_other_person_is_named_and_never_oneself() -> None:
    alike = _Alike(8)
    alike.add("a", towards(0))
    alike.add("b", towards(0, 1))
    alike.add("c", towards(2))
    assert alike.nearest("a", towards(0), 0.5) == "b"
    assert alike.nearest("d", towards(0), 0.5) == "a"
    assert alike.nearest("c", towards(2), 0.5) is None
    assert _Alike(8).nearest("a", towards(0), 0.5) is None


def test_a_list_grows_past_its_first_rows_without_forgetting_anybody() -> None:
    alike = _Alike(8)
    alike.add("first", towards(0))
    for number in range(600):
        alike.add(f"r{number}", towards(1 + number % 7))
    assert alike.nearest("x", towards(0), 0.9) == "first"


def test_a_picture_has_a_path_that_is_on_no_disk_and_ends_with_its_use() -> None:
    with _in_memory(b"a picture") as path:
        assert path.read_bytes() == b"a picture"
        assert "memfd" in str(path.readlink())
    with pytest.raises(OSError, match="No such file"):
        path.read_bytes()

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout.events import Sealed
from lookout.sealing.envelope import open_sealed, seal
from lookout.sealing.ports import CannotOpenError, DataKey

KEY = DataKey("b:0", bytes(range(32)))
CONTENT = b"what only the right key shows"


def _sealed() -> Sealed:
    return seal(KEY, CONTENT, what="chip", whose="face-1")


@given(st.binary(max_size=4096), st.text(max_size=40), st.text(max_size=40))
def test_what_is_sealed_opens_unchanged(content: bytes, what: str, whose: str) -> None:
    sealed = seal(KEY, content, what=what, whose=whose)

    assert open_sealed(KEY, sealed, what=what, whose=whose) == content


def test_an_envelope_is_the_content_and_a_tag_with_a_fresh_nonce() -> None:
    first, second = _sealed(), _sealed()

    assert (first.key_id, len(first.nonce)) == ("b:0", 12)
    assert len(first.ciphertext) == len(CONTENT) + 16
    assert first.nonce != second.nonce
    assert CONTENT not in first.ciphertext


@pytest.mark.parametrize(
    ("what", "whose"), [("", ""), ("thumbnail", "face-1"), ("chip", "face-2"), ("chip|face-1", "")]
)
def test_an_envelope_opens_as_nothing_else_and_nobody_elses(what: str, whose: str) -> None:
    with pytest.raises(CannotOpenError):
        open_sealed(KEY, _sealed(), what=what, whose=whose)


@pytest.mark.parametrize("place", [0, 5, -1])
def test_an_altered_envelope_does_not_open(place: int) -> None:
    sealed = _sealed()
    altered = bytearray(sealed.ciphertext)
    altered[place] ^= 1

    with pytest.raises(CannotOpenError, match="altered"):
        open_sealed(KEY, replace(sealed, ciphertext=bytes(altered)), what="chip", whose="face-1")


@pytest.mark.parametrize(
    ("nonce", "ciphertext"), [(b"", b""), (bytes(11), bytes(40)), (bytes(12), bytes(15))]
)
def test_what_is_no_envelope_is_said_to_be_none(nonce: bytes, ciphertext: bytes) -> None:
    sealed = Sealed(key_id="b:0", nonce=nonce, ciphertext=ciphertext)

    with pytest.raises(CannotOpenError, match="no envelope"):
        open_sealed(KEY, sealed, what="chip", whose="face-1")


def test_another_key_does_not_open_it_whatever_it_calls_itself() -> None:
    with pytest.raises(CannotOpenError, match="altered"):
        open_sealed(DataKey("b:0", bytes(32)), _sealed(), what="chip", whose="face-1")
    with pytest.raises(CannotOpenError, match="b:1 was given"):
        open_sealed(DataKey("b:1", KEY.secret), _sealed(), what="chip", whose="face-1")


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(CannotOpenError, match="32 bytes, but got 16"):
        seal(DataKey("b:0", bytes(16)), CONTENT, what="chip", whose="face-1")


def test_no_error_and_no_repr_shows_content_or_key() -> None:
    with pytest.raises(CannotOpenError) as caught:
        open_sealed(DataKey("b:0", b"k" * 32), _sealed(), what="thumbnail", whose="face-1")

    shown = repr(caught.value) + repr(DataKey("b:0", b"k" * 32))
    assert "kkkk" not in shown
    assert caught.value.__suppress_context__

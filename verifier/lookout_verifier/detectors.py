"""What pictures of faces, chips and templates look like among bytes.

Each detector is strict enough to stay silent on ciphertext: 24 bits that open a JPEG occur in it by chance every 16 MB,
a whole header does not. What is compressed, quantised or encoded otherwise is not found; `docs/verify.md` says so.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from struct import unpack_from

DIMENSIONS = (128, 256, 512)
_LARGEST = max(DIMENSIONS)
OVERLAP = 4 * _LARGEST + 8
"""Bytes that neighbouring pieces of a file must share, so that nothing hides at the seam."""

_JPEG = re.compile(rb"\xff\xd8\xff[\xc0\xc2\xc4\xdb\xe0-\xef\xfe]")
_SEGMENTS_WANTED = 3
_OTHER = re.compile(
    rb"\x89PNG\r\n\x1a\n\0\0\0\rIHDR|RIFF.{4}WEBPVP8|\0\0\0\x0cjP  \r\n\x87\n", re.DOTALL
)
# The beginnings of JPEG files in base64, and in hexadecimal as programs print bytes.
_ENCODED = re.compile(
    rb"/9j/4AAQSkZJRg|/9j/4[Q-T][A-Za-z0-9+/]{2}RXhpZg|/9j/2wBD|ffd8ffe000104a464946|FFD8FFE000104A464946"
    rb"|\\xff\\xd8\\xff\\xe0\\x00\\x10JFIF"
)
# At least 128 numbers in little-endian float32 whose sizes lie between 2^-31 and 2, or are zero.
_FLOATS = re.compile(
    rb"...[\x30-\x3f\xb0-\xbf](?:...[\x30-\x3f\xb0-\xbf]|\0{4}){%d,}" % (DIMENSIONS[0] - 1),
    re.DOTALL,
)
_NORM_TOLERANCE = 1e-4
_LARGEST_PART = 0.9
# A template printed as text.
_NUMBER = rb"-?(?:0?\.\d{3,}|\d(?:\.\d+)?e-\d+)"
_NUMBERS = re.compile(rb"%b(?:,?\s{0,9}%b){%d,}" % (_NUMBER, _NUMBER, DIMENSIONS[0] - 1))
_TEXT_TOLERANCE = 0.02

_SLICE = 2048
_LEAST_RANDOM = 256
# Chi-square of random bytes over 256 bins is 255 with a deviation of 22.6: this is 20 deviations away.
_MOST_CHI_SQUARE = 255 + 20 * 22.6
_LEAST_COLOURS = 24
_PIECE = 8192
_PIECES_OF_A_CHIP = 3
_SAMPLES = 480
# Chips with noise of 12 grey levels on them: 19.8 at most (1,352 pieces); pages of SQLite that else look so: 26 at least.
_SMOOTH = 23.0
_LEAST_CHANGE = 0.2
_STEEP = 90.0
_PRINTABLE = bytes(range(32, 127)) + b"\t\n\r"


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found at a place: ``jpeg``, ``image``, ``template`` or ``chip``."""

    what: str
    at: int


def find_all(data: bytes) -> Iterator[Hit]:
    """Everything that these bytes hold in the clear. May tell of the same thing twice."""
    yield from find_pictures(data)
    yield from find_templates(data)
    yield from find_chips(data)


def find_pictures(data: bytes) -> Iterator[Hit]:
    """Encoded pictures: JPEG by its header's structure, PNG, WebP and JPEG 2000 by their signatures, JPEG as text."""
    for found in _JPEG.finditer(data):
        if _is_jpeg(data, found.start()):
            yield Hit("jpeg", found.start())
    for found in _OTHER.finditer(data):
        yield Hit("image", found.start())
    for found in _ENCODED.finditer(data):
        yield Hit("jpeg", found.start())


def find_templates(data: bytes) -> Iterator[Hit]:
    """Vectors of length one: float32 at any alignment, or printed as numbers."""
    at = 0
    while found := _FLOATS.search(data, at):
        yield from _unit_vectors(data, found.start(), found.end())
        # A run at another alignment may begin where this one ends.
        at = max(found.start() + 1, found.end() - 4 * DIMENSIONS[0] + 1)
    for found in _NUMBERS.finditer(data):
        if _is_printed_template(found[0]):
            yield Hit("template", found.start())


def find_chips(data: bytes) -> Iterator[Hit]:
    """Raw BGR pixels, by how neighbours resemble each other, colour by colour. Small pieces are not looked at.

    The smallest chip, 112 pixels a side, fills three pieces wherever it begins; fewer that look so are pages of a
    database's index.
    """
    in_a_row = 0
    for at in range(0, len(data) - _PIECE + 1, _PIECE):
        piece = data[at : at + _PIECE]
        pixels = (
            len(set(piece)) >= _LEAST_COLOURS and not is_text(piece) and looks_like_pixels(piece)
        )
        in_a_row = in_a_row + 1 if pixels else 0
        if in_a_row >= _PIECES_OF_A_CHIP:
            yield Hit("chip", at - (_PIECES_OF_A_CHIP - 1) * _PIECE)


def looks_random(data: bytes) -> bool:
    """Whether this can be ciphertext. Too short to tell counts as random."""
    if len(data) < _LEAST_RANDOM:
        return True
    middle = max(0, len(data) // 2 - _SLICE // 2)
    pieces = {0, middle, max(0, len(data) - _SLICE)}
    return all(_chi_square(data[at : at + _SLICE]) < _MOST_CHI_SQUARE for at in pieces)


def is_text(data: bytes) -> bool:
    """Whether nearly all of it can be printed."""
    return len(data.translate(None, _PRINTABLE)) <= len(data) // 20


def looks_like_pixels(data: bytes) -> bool:
    """Whether bytes three apart are near each other, as a colour's neighbours are, and bytes of other distances less so.

    A grey picture's bytes resemble each other at every small distance; both are told apart from tables of numbers,
    whose period is four or eight, and from long runs of one value.
    """
    # The one that ciphertext fails is looked at first: this is asked of every piece of every file. Pairs of equal bytes
    # tell nothing: a page of text among zeros would pass for smooth by them.
    changes = _differences(data, 3)
    apart = [change for change in changes if change]
    if sum(apart) < _LEAST_CHANGE * len(changes) or sum(apart) > _SMOOTH * len(apart):
        return False
    near = {lag: _difference(data, lag) for lag in (1, 2, 3, 4, 6, 8)}
    coloured = max(near[3], near[6]) < 0.9 * min(near[1], near[2], near[4], near[8])
    grey = near[1] < near[3] < near[6] and near[2] < near[4] < near[8] < _STEEP
    far = _difference(data, len(data) // 2 - 1)
    return coloured or (grey and far > 2 * near[3])


def _chi_square(data: bytes) -> float:
    expected = len(data) / 256
    return sum(count * count for count in Counter(data).values()) / expected - len(data)


def _difference(data: bytes, lag: int) -> float:
    """The mean difference of bytes ``lag`` apart, over a sample."""
    found = _differences(data, lag)
    return sum(found) / max(1, len(found))


def _differences(data: bytes, lag: int) -> list[int]:
    """How far bytes ``lag`` apart are from each other, over a sample."""
    last = len(data) - lag
    step = max(1, last // _SAMPLES)
    # An even step would always meet the same colour, or the same byte of a number.
    step += 1 - step % 2
    return [abs(data[at] - data[at + lag]) for at in range(0, last, step)]


def _is_jpeg(data: bytes, at: int) -> bool:
    """Whether a JPEG's header begins here: a JFIF or Exif mark, or several segments that chain, up to the end of data."""
    if data[at + 6 : at + 11] in {b"JFIF\0", b"Exif\0"}:
        return True
    place = at + 2
    for chained in range(_SEGMENTS_WANTED):
        if place + 4 > len(data):
            return chained > 1
        mark, kind = data[place], data[place + 1]
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if mark != 0xFF or not 0xC0 <= kind <= 0xFE or kind in range(0xD0, 0xDA) or length < 2:
            return False
        place += 2 + length
    return place >= len(data) or data[place] == 0xFF


def _unit_vectors(data: bytes, start: int, end: int) -> Iterator[Hit]:
    count = (end - start) // 4
    values = unpack_from(f"<{count}f", data, start)
    sums = [0.0, *accumulate(value * value for value in values)]
    at = 0
    while at + DIMENSIONS[0] <= count:
        if any(
            at + dim <= count
            and abs(sums[at + dim] - sums[at] - 1.0) < _NORM_TOLERANCE
            and _is_spread(values[at : at + dim])
            for dim in DIMENSIONS
        ):
            yield Hit("template", start + 4 * at)
            at += DIMENSIONS[0]
        else:
            at += 1


def _is_spread(values: tuple[float, ...]) -> bool:
    """Whether many parts make up the length: a single 1.0 among zeros is a common sight, and no face."""
    return max(map(abs, values)) < _LARGEST_PART and sum(map(bool, values)) > len(values) // 2


def _is_printed_template(text: bytes) -> bool:
    numbers = [float(word) for word in re.findall(_NUMBER, text)]
    return any(
        abs(sum(value * value for value in numbers[:dim]) - 1.0) < _TEXT_TOLERANCE
        for dim in DIMENSIONS
        if len(numbers) >= dim
    )

"""Cuts out what only a debugger would read: up to nine tenths of a compiled module, and no process of Lookout may dump a core.

A library is loaded by its segments. Debug information, the linker's symbols and the table of sections lie behind the last of
them, or before what auditwheel appended. Both go: the file ends with its last segment, what was appended moves up by whole
pages, and the header says that there are no sections. In memory everything is where it was. ``strip`` moves segments as well,
but not by whole pages, and numpy's libraries no longer load (docs/adr/0024). Standard library only: it runs in an image build.
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

# An ELF file of 64 bits, little-endian: amd64 and arm64.
_KIND = b"\x7fELF\x02\x01"
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_LOADED = 1
# The largest page of amd64 and arm64. What asks for more asks for speed, and pays in bytes.
_PAGE = 0x10000


def cut_out(library: Path) -> int:
    """Shorten a library to what is loaded of it; the bytes saved, 0 for any other file."""
    content = library.read_bytes()
    if not content.startswith(_KIND):
        return 0
    header = list(_HEADER.unpack_from(content))
    table_at, table_size = header[5], header[9] * header[10]
    segments = [
        list(_SEGMENT.unpack_from(content, table_at + number * header[9]))
        for number in range(header[10])
    ]
    for segment in segments:
        segment[7] = min(segment[7], _PAGE)
    page = max((segment[7] for segment in segments if segment[0] == _LOADED), default=0)
    if not page:
        return 0
    needed = [(0, _HEADER.size), (table_at, table_at + table_size)]
    needed += [(segment[2], segment[2] + segment[5]) for segment in segments if segment[5]]
    kept = bytearray()
    moved: list[tuple[int, int]] = []
    for begin, end in _joined(needed):
        # Offset and address agree within a page, and have to go on doing so.
        kept += bytes((begin - len(kept)) % page)
        moved.append((begin, begin - len(kept)))
        kept += content[begin:end]
    for segment in segments:
        segment[2] -= _by(moved, segment[2])
    header[5] -= _by(moved, table_at)
    header[6] = header[12] = header[13] = 0  # where sections begin, how many, and which names them
    _HEADER.pack_into(kept, 0, *header)
    for number, segment in enumerate(segments):
        _SEGMENT.pack_into(kept, header[5] + number * header[9], *segment)
    library.write_bytes(kept)
    return len(content) - len(kept)


def _joined(ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Ranges in order, those that overlap or touch as one."""
    begin, end = 0, 0
    for first, last in sorted(ranges):
        if first > end:
            yield begin, end
            begin = first
        end = max(end, last)
    yield begin, end


def _by(moved: Sequence[tuple[int, int]], offset: int) -> int:
    """By how much what was at an offset has moved up."""
    return next(shift for begin, shift in reversed(moved) if begin <= offset)

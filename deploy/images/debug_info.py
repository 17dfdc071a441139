"""Cuts off what only a debugger would read: up to nine tenths of a compiled module, and no process of Lookout may dump a core.

A library is loaded by its segments. Debug information, the linker's symbols and the table of sections lie behind the last
segment: the file ends where that ends, and its header says that it has no sections. Not one byte that is ever mapped changes
or moves. ``strip`` does move them, and numpy's libraries, which auditwheel has rewritten, no longer load (docs/adr/0024).
Standard library only, for it runs before anything is installed.
"""

import struct
from pathlib import Path

# An ELF file of 64 bits, little-endian: amd64 and arm64.
_KIND = b"\x7fELF\x02\x01"
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")


def cut_off(library: Path) -> int:
    """Shorten a library to what is loaded of it; the bytes saved, 0 for any other file."""
    content = library.read_bytes()
    if not content.startswith(_KIND):
        return 0
    fields = list(_HEADER.unpack_from(content))
    segments_at, segment_size, segments = fields[5], fields[9], fields[10]
    loaded = [_HEADER.size, segments_at + segment_size * segments]
    for number in range(segments):
        _, _, offset, _, _, size, _, _ = _SEGMENT.unpack_from(content, segments_at + segment_size * number)
        loaded.append(offset + size)
    end = max(loaded)
    fields[6] = fields[12] = fields[13] = 0  # where sections begin, how many there are, and which holds their names
    library.write_bytes(_HEADER.pack(*fields) + content[_HEADER.size : end])
    return len(content) - end

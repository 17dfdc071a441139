"""Reading an uploaded list: a zip with one CSV table and pictures. Nothing is unpacked, and nothing it says of sizes is believed."""

import csv
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from lookout_console.domain.errors import BadInputError
from lookout_console.domain.watchlists import COLUMNS, MOST_ROWS

LARGEST_FILE: Final = 256 * 1024 * 1024
_LARGEST_PICTURE: Final = 8 * 1024 * 1024
_LARGEST_TABLE: Final = 16 * 1024 * 1024
_MOST_MEMBERS: Final = MOST_ROWS * 2 + 10
# What zipfile and the decompressors below it raise over a damaged member; anything else is a defect of ours.
_DAMAGED: Final = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)


def open_archive(archive: bytes) -> zipfile.ZipFile:
    """The zip, its table of contents checked. Raises `BadInputError`: no zip, encrypted, too many files, or paths out of it."""
    try:
        members = zipfile.ZipFile(io.BytesIO(archive))
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise BadInputError("This is not a zip file.") from None
    found = members.infolist()
    if len(found) > _MOST_MEMBERS:
        raise BadInputError(f"The zip holds {len(found)} files: at most {_MOST_MEMBERS}.")
    for one in found:
        parts = one.filename.replace("\\", "/").split("/")
        if one.filename.startswith("/") or ".." in parts or ":" in one.filename:
            raise BadInputError("The zip names a path outside itself: nothing of it was read.")
        if one.flag_bits & 1:
            raise BadInputError("The zip is encrypted: send it without a password.")
    return members


def rows_of(members: zipfile.ZipFile) -> Iterator[dict[str, str]]:
    """The rows of the one table in it, by column. Raises `BadInputError`: none or two, a column lacking, too many rows."""
    tables = [one for one in members.infolist() if one.filename.lower().endswith(".csv")]
    if len(tables) != 1:
        raise BadInputError(f"The zip holds {len(tables)} CSV files: exactly one is wanted.")
    text = _bytes_of(members, tables[0], _LARGEST_TABLE)
    try:
        reader = csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline=""), strict=True)
        lacking = [name for name in COLUMNS[:10] if name not in (reader.fieldnames or ())]
        if lacking:
            raise BadInputError(f"The table lacks these columns: {', '.join(lacking)}.")
        for number, row in enumerate(reader, start=1):
            if number > MOST_ROWS:
                raise BadInputError(f"The table has more than {MOST_ROWS:,} rows.")
            yield {name: value for name, value in row.items() if isinstance(value, str) and name}
    except (csv.Error, UnicodeDecodeError):
        raise BadInputError("The table cannot be read: save it as CSV in UTF-8.") from None


def picture_of(
    members: zipfile.ZipFile, pictures: Mapping[str, zipfile.ZipInfo], name: str
) -> bytes:
    """A picture by the name that its row gives. Raises `BadInputError`: it is not there, too large, or damaged."""
    found = pictures.get(name)
    if found is None:
        raise BadInputError("the zip holds no picture of that name")
    return _bytes_of(members, found, _LARGEST_PICTURE)


def _bytes_of(members: zipfile.ZipFile, one: zipfile.ZipInfo, most: int) -> bytes:
    """Read no more than is allowed, whatever the zip says of the size: a bomb is cut off, not unpacked."""
    try:
        with members.open(one) as stream:
            data = stream.read(most + 1)
    except _DAMAGED:
        raise BadInputError("a file in the zip is damaged") from None
    if len(data) > most:
        raise BadInputError(f"a file in the zip is larger than {most // 1024 // 1024} MiB")
    return data

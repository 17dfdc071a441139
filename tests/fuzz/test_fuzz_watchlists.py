"""Lists of people as nobody should send them: refused in words, or read, and never a fault."""

import csv
import io
import tempfile
import zipfile
from datetime import date
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from lookout.enrolment.pictures import PictureRefusedError, read_picture
from lookout.enrolment.source import Defaults, SourceError, read_source
from lookout.events import Category, Response
from lookout_console.actions.archives import open_archive, picture_of, rows_of
from lookout_console.domain.errors import BadInputError
from lookout_console.domain.watchlists import COLUMNS, line_of, read_row
from support.console_world import archive_of, drawn_face, row_of
from support.fuzzing import TRIED, fuzzed, spoiled

TODAY = date(2026, 11, 28)
_FACE = drawn_face(1, side=64)
_ARCHIVE = archive_of([row_of("reference-17"), row_of("reference-18")], {"reference-17.jpg": _FACE})
_CELLS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ("", "wanted_by_courts", "amber", "red", "2026-03-14", "9999-12-31", "0001-01-01", "yes")
    ),
)


def _zipped(table: bytes, compression: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.writestr("people.csv", table)
        archive.writestr("reference-17.jpg", _FACE)
    return out.getvalue()


def _table(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(COLUMNS), extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def _read(archive: bytes) -> None:
    """Read a list as an import does."""
    try:
        with open_archive(archive) as members:
            pictures = {one.filename: one for one in members.infolist()}
            for row in rows_of(members):
                try:
                    said, _ = read_row(row, TODAY)
                    picture = picture_of(members, pictures, said.picture)
                except BadInputError:
                    continue
                line_of("entry", said, picture)
    except BadInputError:
        return


@fuzzed(100)
@given(
    archive=st.one_of(
        st.binary(max_size=80),
        spoiled(st.just(_ARCHIVE)),
        spoiled(
            st.sampled_from(
                [
                    _zipped(_table([row_of("reference-17")]), compression)
                    for compression in (
                        zipfile.ZIP_STORED,
                        zipfile.ZIP_DEFLATED,
                        zipfile.ZIP_BZIP2,
                        zipfile.ZIP_LZMA,
                    )
                ]
            )
        ),
    )
)
def test_a_spoiled_zip_is_refused_in_words_or_read(archive: bytes) -> None:
    TRIED["console: zips"] += 1
    _read(archive)


@fuzzed(80)
@given(
    table=st.one_of(
        spoiled(st.just(_table([row_of("reference-17"), row_of("reference-18")]))),
        st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, _CELLS)), max_size=3).map(_table),
    )
)
def test_a_spoiled_table_is_refused_in_words_or_read(table: bytes) -> None:
    TRIED["console: tables"] += 1
    _read(_zipped(table, zipfile.ZIP_STORED))


@fuzzed(80)
@given(
    table=st.one_of(
        st.binary(max_size=80),
        spoiled(
            st.just(
                b"reference,image,category,response,name,reason,image_date\r\n"
                b"reference-17,a.jpg,wanted_by_courts,amber,N,why,2026-03-14\r\n"
            )
        ),
    ),
    defaults=st.sampled_from(
        (None, Defaults(category=Category.WANTED_BY_COURTS, response=Response.AMBER))
    ),
)
def test_a_spoiled_table_of_the_command_line_is_refused_in_words_or_read(
    table: bytes, defaults: Defaults | None
) -> None:
    TRIED["command line: tables"] += 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        path.write_bytes(table)
        try:
            for row in read_source(path, defaults=defaults):
                try:
                    read_picture(row.image)
                except PictureRefusedError:
                    continue
        except SourceError:
            return


@fuzzed(80)
@given(
    picture=spoiled(st.sampled_from([_FACE, b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + bytes(40)]))
)
def test_a_spoiled_picture_is_refused_in_words_or_read(picture: bytes) -> None:
    TRIED["enrolment: pictures"] += 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jpg"
        path.write_bytes(picture)
        try:
            image = read_picture(path)
        except PictureRefusedError:
            return
    assert image.ndim == 3

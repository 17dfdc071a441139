"""Pictures to enrol: refused from their header where they are a trap, turned upright where they lie."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from lookout.enrolment.pictures import (
    LARGEST_FILE,
    PictureRefusedError,
    picture_size,
    read_picture,
)
from PIL import Image


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )


def jpeg(height: int, width: int) -> bytes:
    """Blue at the left, red at the right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2, 0] = 250
    image[:, width // 2 :, 2] = 250
    return cv2.imencode(".jpg", image)[1].tobytes()


def turned(data: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF orientation."""
    tiff = b"MM\x00*" + struct.pack(">IH", 8, 1)
    tiff += struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack(">I", 0)
    exif = b"Exif\x00\x00" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a JPEG or PNG"),
        (b"hello", "not a JPEG or PNG"),
        (b"GIF89a" + bytes(20), "GIF, which may move"),
        (b"\xff\xd8", "states no size"),
        (b"\xff\xd8\xff\xe0\xff\xff" + bytes(20), "states no size"),
        (png_header(10, 10), "damaged"),
        (png_header(60_000, 60_000), "more than 50 million"),
        (png_header(0, 10), "damaged"),
    ],
)
def test_what_is_no_usable_picture_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, why: str
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(content)

    with pytest.raises(PictureRefusedError, match=why):
        read_picture(path)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureRefusedError, match="does not exist"):
        read_picture(tmp_path / "nothing.jpg")
    with pytest.raises(PictureRefusedError, match="cannot be read"):
        read_picture(tmp_path)


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureRefusedError, match="zero byte"):
        read_picture(tmp_path / "1\0.jpg")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)

    with pytest.raises(PictureRefusedError, match="larger than 32 MiB"):
        read_picture(path)


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_the_size_is_read_from_the_header(ending: str) -> None:
    data = cv2.imencode(ending, np.zeros((30, 50, 3), np.uint8))[1].tobytes()

    assert picture_size(data) == (50, 30)


def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(turned(jpeg(32, 64), 6))

    image = read_picture(path)

    # A quarter turn clockwise: what lay left is now at the top.
    assert image.shape == (64, 32, 3)
    assert image[5, 16].argmax() == 0
    assert image[60, 16].argmax() == 2


def _picture(tmp_path: Path, ending: str, image: Image.Image) -> Path:
    path = tmp_path / f"picture{ending}"
    image.save(path)
    return path


def _shades() -> Image.Image:
    across = np.linspace(0, 255, 300).astype(np.uint8)
    return Image.fromarray(np.stack([np.tile(across, (200, 1))] * 3, axis=2))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK"])
def test_pictures_of_other_kinds_are_converted(tmp_path: Path, mode: str) -> None:
    path = _picture(
        tmp_path,
        ".jpg" if mode == "CMYK" else ".png",
        _shades().quantize(256) if mode == "P" else _shades().convert(mode),
    )

    image = read_picture(path)

    assert (image.shape, str(image.dtype)) == ((200, 300, 3), "uint8")
    assert float(np.abs(image.astype(int) - np.asarray(_shades()).astype(int)).mean()) < 6


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), np.asarray(_shades()).astype(np.uint16) * 257)

    assert np.array_equal(read_picture(path), np.asarray(_shades()))


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_a_truncated_picture_is_refused(tmp_path: Path, ending: str) -> None:
    path = _picture(tmp_path, ending, _shades())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(PictureRefusedError, match="damaged"):
        read_picture(path)


def test_one_pixel_is_a_picture_and_twelve_thousand_squared_is_refused(tmp_path: Path) -> None:
    assert read_picture(_picture(tmp_path, ".png", _shades().crop((0, 0, 1, 1)))).shape == (1, 1, 3)
    huge = tmp_path / "huge.png"
    huge.write_bytes(png_header(12_000, 12_000))

    with pytest.raises(PictureRefusedError, match="12000 x 12000 pixels, more than 50 million"):
        read_picture(huge)

"""Decoding by a graphics card or another device, where FFmpeg's build, the driver and the machine have it."""

from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.error import FFmpegError

OFF, AUTO = "off", "auto"

_ASKED_OF = "h264"
_TRANSFERRED = frozenset({"nv12", "p010le", "p016le"})


class HardwareDecodingError(Exception):
    """Hardware decoding was asked for by name, and is not to be had."""


def choose_device(setting: str) -> str | None:
    """The kind of device to decode with, or None to decode in software.

    ``setting`` is "off", "auto" (the first kind that can be opened, or software), or a kind by name ("cuda", "vaapi", …).
    A kind by name that the build does not know or that cannot be opened raises `HardwareDecodingError`: whoever asked for
    it planned the machine's load by it.
    """
    if setting == OFF:
        return None
    known = hwdevices_available()
    if setting == AUTO:
        return next((kind for kind in known if _why_not(kind) is None), None)
    if setting not in known:
        raise HardwareDecodingError(
            f"hardware decoding by {setting} was asked for, but this build of FFmpeg knows only "
            f"{', '.join(known) or 'none'}: set LOOKOUT_CAPTURE_HARDWARE_DECODING to one of these, auto or off"
        )
    why_not = _why_not(setting)
    if why_not is not None:
        raise HardwareDecodingError(
            f"hardware decoding by {setting} was asked for, but {why_not}: install its driver and give this process the "
            "device, or set LOOKOUT_CAPTURE_HARDWARE_DECODING to auto or off"
        )
    return setting


def decoder_of(pixel_format: str, device: str | None) -> str:
    """Who decoded an image of this format: ``device`` or "software".

    FFmpeg falls back without a word, but only what comes back from a device has a semi-planar format.
    """
    return device if device is not None and pixel_format in _TRANSFERRED else "software"


def _why_not(kind: str) -> str | None:
    try:
        HWAccel(kind, allow_software_fallback=False).create(Codec(_ASKED_OF, "r"))
    except NotImplementedError:
        return "it does not decode H.264 in this build"
    except (FFmpegError, OSError) as error:
        return f"no such device can be opened ({type(error).__name__})"
    return None

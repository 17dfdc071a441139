"""How this process keeps memory that it has freed.

Images are a few megabytes each and come many times a second. By default glibc gives such blocks back to the kernel when
they are freed, and the kernel zeroes fresh pages for the next: detection took 2,089 page faults a frame of 1280 x 720, a
quarter of its processor time (`docs/adr/0021-memory-is-kept.md`). What a process keeps instead is bounded by the most it
ever held at a time.
"""

import ctypes
import sys

# glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_LARGEST_KEPT_BLOCK = 32 << 20
"""glibc's limit on 64-bit machines; larger blocks go back to the kernel at once."""
_KEPT_AT_MOST = 256 << 20


def keep_freed_memory() -> bool:
    """Keep freed blocks for the next image, process-wide; False where the C library cannot be told (it is not glibc)."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has no mallopt
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    return bool(
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BLOCK)
        and mallopt(_M_TRIM_THRESHOLD, _KEPT_AT_MOST)
    )

"""A service keeps the memory of one image for the next, instead of having the kernel zero new pages each time."""

import platform
import subprocess
import sys

import pytest

_IMAGES = """
import resource
import numpy as np
from lookout.hosting.memory import keep_freed_memory

def faults_per_image():
    def image():
        return [np.ones((720, 1280, 3), np.float32) for _ in range(4)]
    image()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        image()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20

given_back = faults_per_image()
assert keep_freed_memory()
print(given_back, faults_per_image())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_the_memory_of_an_image_is_used_again_for_the_next() -> None:
    # A process of its own: the setting is for a whole process, and cannot be taken back.
    told = subprocess.run(
        [sys.executable, "-c", _IMAGES], capture_output=True, text=True, check=True, timeout=60
    )
    given_back, kept = (float(word) for word in told.stdout.split())

    assert given_back > 100
    assert kept < given_back / 10

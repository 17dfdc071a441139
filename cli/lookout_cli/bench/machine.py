"""What a benchmark ran on. A figure without it is worth nothing."""

import os
import platform
from importlib.metadata import version

import cv2
import numpy as np
import onnxruntime as ort
import psutil

_PACKAGES = (
    "confluent-kafka",
    "faust-streaming",
    "fastavro",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "qdrant-client",
    "qdrant-edge-py",
)
_OTHERS_ASIDE_PERCENT = 20.0


def describe() -> dict[str, object]:
    """Processor, cores, memory, threads and versions, as one JSON object."""
    return {
        "processor": _processor(),
        # Those that we may use: a run may be held to some of them.
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "onnx_threads_per_service": 1,
        "onnx_providers": ort.get_available_providers(),
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "packages": {name: version(name) for name in _PACKAGES},
    }


def busy_with_other_work() -> str:
    """A warning where something else uses the processor already, measured over half a second; empty when it is quiet."""
    used = psutil.cpu_percent(interval=0.5)
    if used < _OTHERS_ASIDE_PERCENT:
        return ""
    return (
        f"other work uses {used:.0f} % of this machine's processors: latencies will be worse than they are, "
        "ratios within the run still hold"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - a file of the kernel's
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()

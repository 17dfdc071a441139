"""What happens when an RTSP camera freezes: seconds to notice and to resume, memory and threads, with the settings capture has.

Run it from the root: ``PYTHONPATH=tests .venv/bin/python -m support.rtsp_freeze [--frozen-s 30]``. Prints one JSON object a
case: the camera goes on after the freeze, or is ended in it and begun again; over TCP and UDP.
"""

import argparse
import json
import sys
import threading
import time
from contextlib import suppress

from lookout.telemetry.logs import configure_logging
from lookout_capture.domain import BackOff
from support.live_camera import (
    LiveCamera,
    all_threads,
    camera_threads,
    live_camera,
    resident_bytes,
    seconds,
)
from support.polling import until
from support.rtsp_camera import RtspCamera, rtsp_camera, why_no_rtsp

_SETTLE_S = 5.0


def _memory() -> float:
    return round(resident_bytes() / 2**20, 1)


def _settle(live: LiveCamera) -> None:
    ending = time.monotonic() + _SETTLE_S
    until(lambda: live.worker.take() is None and time.monotonic() > ending, "settled", 60)


def _freeze(camera: RtspCamera, live: LiveCamera, frozen_s: float) -> dict[str, object]:
    camera.freeze()
    frozen_at = time.monotonic()
    noticed_after_s = round(seconds(lambda: not live.worker.up, "noticed", 60), 1)
    until(lambda: time.monotonic() - frozen_at >= frozen_s, "frozen for long", frozen_s + 5)
    return {
        "noticed_after_s": noticed_after_s,
        "memory_frozen_mib": _memory(),
        "threads_frozen": all_threads(),
    }


def _case(camera: RtspCamera, *, transport: str, restarted: bool, frozen_s: float) -> None:
    threads = all_threads()
    with live_camera(
        camera.url,
        transport=transport,
        open_timeout_s=10.0,
        read_timeout_s=5.0,
        stuck_after_s=15.0,
        back_off=BackOff(),
    ) as live:
        live.await_up()
        _settle(live)
        found: dict[str, object] = {
            "transport": transport,
            "then": "restarted" if restarted else "continued",
            "frozen_s": frozen_s,
            "memory_before_mib": _memory(),
            "threads_before": all_threads(),
        }
        found |= _freeze(camera, live, frozen_s)
        if restarted:
            camera.stop()
            camera.start()
        else:
            camera.thaw()
        found["resumed_after_s"] = round(seconds(lambda: live.worker.up, "resumed", 60), 1)
        _settle(live)
        found |= {
            "memory_after_mib": _memory(),
            "threads_after": all_threads(),
            "readers_after": len(camera_threads()),
            "stuck_readers": live.count("stuck_readers"),
        }
    # A thread that has ended is still listed for a moment.
    with suppress(AssertionError):
        until(lambda: all_threads() <= threads, "threads ended", 5)
    found |= {
        "threads_beside_capture": threads,
        "threads_after_stop": all_threads(),
        "readers_after_stop": len(camera_threads()),
        "python_threads_after_stop": threading.active_count(),
    }
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run every case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frozen-s", type=float, default=30.0)
    frozen_s: float = parser.parse_args().frozen_s
    if reason := why_no_rtsp():
        raise SystemExit(reason)
    configure_logging(service="measurement", instance="measurement", level="ERROR")
    for transport in ("tcp", "udp"):
        for restarted in (False, True):
            with rtsp_camera() as camera:
                _case(camera, transport=transport, restarted=restarted, frozen_s=frozen_s)


if __name__ == "__main__":
    main()

"""A console in a process of its own, for tests of load: it serves, and raises alerts at the rate that it is told.

Run as ``python -m support.console_load FOLDER OFFICERS`` beside this package; one JSON object a line each way. It begins
with its address and a session for each officer. ``{"alerts": N, "a_second": R}`` has it raise N alerts, through the call
that the stream adapter makes, and say when each was begun, how large the process was every second, and how long it
computed.
"""

import contextlib
import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from lookout_console.domain.roles import Role
from support.console_world import drawn_face, make_world
from support.served_console import Served, serve


@dataclass
class _Size:
    """How large this process is, every second, in bytes."""

    sampled: list[int] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        process = psutil.Process()
        while True:
            self.sampled.append(process.memory_info().rss)
            if self.ended.wait(1.0):
                return


def _raise(served: Served, deployment_id: str, count: int, a_second: float) -> dict[str, Any]:
    picture = drawn_face(99)
    size = _Size()
    sampler = threading.Thread(target=size.run)
    sampler.start()
    begun: dict[str, float] = {}
    first, worked = time.monotonic(), time.process_time()
    for number in range(count):
        wait = first + number / a_second - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        at = time.time() * 1000
        begun[served.world.alert(deployment_id, picture=picture)] = at
    took_s, cpu_s = time.monotonic() - first, time.process_time() - worked
    size.ended.set()
    sampler.join()
    return {"begun_ms": begun, "took_s": took_s, "cpu_s": cpu_s, "rss": size.sampled}


def main() -> None:
    """Serve until the input ends."""
    folder, officers = Path(sys.argv[1]), int(sys.argv[2])
    # Those who watch are other machines in life. Here they share this one, and root may give the console its turn first.
    with contextlib.suppress(PermissionError):
        os.nice(-10)
    world = make_world(folder)
    deployment_id = world.live()
    with serve(world) as served:
        accounts = [world.account(Role.LFR_OPERATOR, number + 2) for number in range(officers)]
        cookies = [world.office.credentials.start_session(one.account_id) for one in accounts]
        hello = {"base": served.base, "deployment_id": deployment_id, "cookies": cookies}
        print(json.dumps(hello), flush=True)  # noqa: T201 - the protocol of this process
        for line in sys.stdin:
            order = json.loads(line)
            done = _raise(served, deployment_id, order["alerts"], order["a_second"])
            print(json.dumps(done), flush=True)  # noqa: T201 - the protocol of this process


if __name__ == "__main__":
    main()

"""Planted passes: pictures of a scene sealed and sent as capture would, again and again, each time a pass of its own."""

import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import cv2
from lookout import ids
from lookout.events import Deployment, Frame
from lookout.hosting.platform import Platform
from lookout.sealing.envelope import seal

_KEY_TTL = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Pass:
    """When the first and the last picture of a pass were taken, and the longest time between two of them."""

    began: datetime
    ended: datetime
    longest_gap: timedelta


class Planter:
    """Sends passes from a camera of its own, on a thread, until it is stopped; the pass under way is finished first."""

    def __init__(
        self, *, platform: Platform, deployment: Deployment, camera: str, footage: Path, fps: float
    ) -> None:
        """``footage`` is a folder of JPEGs, in order; one run through it is one pass."""
        self._platform, self._deployment, self._camera = platform, deployment, camera
        self._pictures = [path.read_bytes() for path in sorted(footage.glob("*.jpg"))]
        first = cv2.imread(str(min(footage.glob("*.jpg"))))
        assert first is not None
        self._height, self._width = first.shape[:2]
        self._every_s = 1 / fps
        self._issuer = platform.issuer(purpose="frame", ttl=_KEY_TTL)
        self._producer = platform.broker.producer()
        platform.closing(self._producer.close)
        self._run, self._sequence = str(uuid.uuid4()), 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, name="planter", daemon=True)
        self._failure: BaseException | None = None
        self._passes: list[Pass] = []
        self.frames = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def passes(self) -> Sequence[Pass]:
        """Those that are over. Raises what ended the planter."""
        if self._failure is not None:
            raise self._failure
        return list(self._passes)

    def stop(self) -> Sequence[Pass]:
        """Finish the pass under way, and stop."""
        self._stop.set()
        self._thread.join()
        return self.passes()

    def _play(self) -> None:
        try:
            while not self._stop.is_set():
                taken = []
                for picture in self._pictures:
                    taken.append(self._send(picture))
                    # Never faster than it should be, to catch up: passes would run into each other. And not ended
                    # early by `stop`: a pass is planted whole, or not at all.
                    time.sleep(self._every_s)
                gaps = [later - sooner for sooner, later in pairwise(taken)]
                self._passes.append(Pass(taken[0], taken[-1], max(gaps)))
        except Exception as error:  # noqa: BLE001 - carried to whoever asks for the passes
            self._failure = error

    def _send(self, picture: bytes) -> datetime:
        name = self._deployment.deployment_id
        (key,) = self._issuer.make(name, 1)
        frame = ids.frame_id(name, self._camera, self._run, self._sequence)
        now = self._platform.clock()
        event = Frame(
            deployment_id=name,
            frame_id=frame,
            camera_id=self._camera,
            sequence=self._sequence,
            captured_at=now,
            width=self._width,
            height=self._height,
            image=seal(key, picture, what="frame", whose=frame),
        )
        self._sequence += 1
        self._producer.produce(self._platform.codec.outgoing(event))
        self._producer.flush()
        self.frames += 1
        return now

"""Synthetic passers-by: faces that nobody has, sealed and sent as detection would, each a track of its own."""

import threading
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from lookout import ids
from lookout.events import Deployment, Face
from lookout.hosting.platform import Platform
from lookout.sealing.envelope import seal
from lookout.sealing.ports import DataKey, KeyringUnavailableError
from lookout.stream.ports import StreamError
from lookout.vision.arrays import Image

_KEY_TTL = timedelta(seconds=60)
_BATCH = 8
_AGAIN_S = 0.2
_JPEG = b"\xff\xd8\xff\xd9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many passes, and how many of them a second."""

    passes: int
    per_second: float
    chip_size: int
    seed: int = 7


class SyntheticPassers:
    """Makes and sends passes on a thread of its own. A keyring or broker that does not answer is waited for."""

    def __init__(self, *, platform: Platform, deployment: Deployment, load: Load) -> None:
        """``platform`` is the generator's own: its keys are announced under its name, as a service's are."""
        self._platform, self._deployment, self._load = platform, deployment, load
        self._issuer = platform.issuer(purpose="face", ttl=_KEY_TTL)
        self._producer = platform.broker.producer()
        platform.closing(self._producer.close)
        self._rng = np.random.default_rng(load.seed)
        self._run = str(uuid.uuid4())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send_all, name="passers", daemon=True)
        self.sent = 0
        self.waited = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def over(self) -> bool:
        """Whether every pass was sent."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Stop sending."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _send_all(self) -> None:
        begun = time.monotonic()
        while self.sent < self._load.passes and not self._stop.is_set():
            due = int((time.monotonic() - begun) * self._load.per_second) - self.sent
            count = min(_BATCH, due, self._load.passes - self.sent)
            if count <= 0:
                self._stop.wait(1 / self._load.per_second)
                continue
            try:
                self._send(count)
                self.sent += count
            except (KeyringUnavailableError, StreamError):
                # Keys already made end by their time to live, receipted so: that is part of what is tried here.
                self.waited += 1
                begun += _AGAIN_S
                self._stop.wait(_AGAIN_S)

    def _send(self, count: int) -> None:
        keys = self._issuer.make(self._deployment.deployment_id, count)
        for index, key in enumerate(keys):
            self._producer.produce(
                self._platform.codec.outgoing(self._face(key, self.sent + index))
            )
        self._producer.flush()

    def _face(self, key: DataKey, number: int) -> Face:
        camera = self._deployment.cameras[0]
        frame = ids.frame_id(self._deployment.deployment_id, camera, self._run, number)
        track = ids.track_id(camera, frame, 0)
        face = ids.face_id(track, frame)
        size = self._load.chip_size
        return Face(
            deployment_id=self._deployment.deployment_id,
            face_id=face,
            track_id=track,
            camera_id=camera,
            frame_id=frame,
            captured_at=self._platform.clock(),
            shot=1,
            box=(0.0, 0.0, float(size), float(size)),
            landmarks=(0.0,) * 10,
            quality=0.5,
            pack_sha256=self._deployment.pack_sha256,
            chip_size=size,
            chip=seal(key, self._chip(size).tobytes(), what="chip", whose=face),
            thumbnail=seal(key, _JPEG, what="thumbnail", whose=face),
        )

    def _chip(self, size: int) -> Image:
        """A smooth random blob, (size, size, 3) uint8 BGR: no face, but no white noise either."""
        coarse = self._rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return np.kron(coarse, np.ones((size // 8 + 1, size // 8 + 1, 1), np.uint8))[:size, :size]

"""Plants passes of invented people on the topics, as detection and embedding would put them there: a few shots, one after another."""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lookout import ids
from lookout.events import Deployment, Embedding, Event, Face
from lookout.hosting.platform import Platform
from lookout.sealing.envelope import seal
from lookout.sealing.ports import DataKey, KeyringUnavailableError
from lookout.stream.ports import StreamError
from lookout.vision.arrays import FloatArray, Image

from lookout_cli.chaos.account import PlantedPass
from lookout_cli.chaos.invented import Invented, entry_of

CAMERA: Final = "planted"
_SHOTS: Final = 3
_BETWEEN_SHOTS_S: Final = 0.15
_KEY_TTL: Final = timedelta(seconds=60)
_JPEG: Final = b"\xff\xd8\xff\xd9"
_AGAIN_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class _Pass:
    """A pass that is being planted."""

    person: Invented
    first_frame: str
    track_id: str


class Planter:
    """Sends a pass every ``every_s`` seconds on a thread of its own; whose turn it is, ``next_person`` says.

    It never catches up: while the keyring or the broker does not answer, fewer passes are planted.
    """

    def __init__(
        self,
        *,
        platform: Platform,
        deployment: Deployment,
        every_s: float,
        next_person: Callable[[], Invented],
    ) -> None:
        """``platform`` is the planter's own: its keys are announced under its name, as a service's are."""
        self._platform, self._deployment = platform, deployment
        self._every_s, self._next = every_s, next_person
        self._issuer = platform.issuer(purpose="face", ttl=_KEY_TTL)
        self._producer = platform.broker.producer()
        platform.closing(self._producer.close)
        self._run_id = str(uuid.uuid4())
        self._planted: list[PlantedPass] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="planter", daemon=True)
        self.waited = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Plant no more; a pass that is begun is not finished."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def planted(self) -> tuple[PlantedPass, ...]:
        """The passes whose first shot was acknowledged."""
        return tuple(self._planted)

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            began = time.monotonic()
            self._plant(self._next(), number)
            number += 1
            self._stop.wait(max(0.0, self._every_s - (time.monotonic() - began)))

    def _plant(self, person: Invented, number: int) -> None:
        frame = ids.frame_id(self._deployment.deployment_id, CAMERA, self._run_id, number)
        passing = _Pass(person, frame, ids.track_id(CAMERA, frame, 0))
        for shot in range(_SHOTS):
            try:
                at = self._send(passing, shot)
            except (KeyringUnavailableError, StreamError):
                # A key already made ends by its time to live, receipted so.
                self.waited += 1
                self._stop.wait(_AGAIN_S)
                return
            if shot == 0:
                self._planted.append(
                    PlantedPass(
                        pass_id=passing.track_id,
                        entry_id=entry_of(person, self._deployment.deployment_id),
                        camera_id=CAMERA,
                        begins=at,
                        ends=at + timedelta(seconds=_SHOTS * _BETWEEN_SHOTS_S),
                    )
                )
            if self._stop.wait(_BETWEEN_SHOTS_S):
                return

    def _send(self, passing: _Pass, shot: int) -> datetime:
        """Send a shot; when it was taken."""
        keys = self._issuer.make(self._deployment.deployment_id, 1)
        at = self._platform.clock()
        seen = _Seen(
            deployment=self._deployment,
            track_id=passing.track_id,
            face_id=ids.face_id(passing.track_id, f"{passing.first_frame}/{shot}"),
            shot=shot + 1,
            at=at,
        )
        chip = passing.person.chip
        event: Event
        if chip is None:
            event = _embedding(seen, keys[0], passing.person.template)
        else:
            event = _face(seen, keys[0], chip, passing.first_frame)
        self._producer.produce(self._platform.codec.outgoing(event))
        self._producer.flush()
        return at


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a shot's record says, however it comes."""

    deployment: Deployment
    track_id: str
    face_id: str
    shot: int
    at: datetime


def _face(seen: _Seen, key: DataKey, chip: Image, frame_id: str) -> Face:
    size = chip.shape[0]
    return Face(
        deployment_id=seen.deployment.deployment_id,
        face_id=seen.face_id,
        track_id=seen.track_id,
        camera_id=CAMERA,
        frame_id=frame_id,
        captured_at=seen.at,
        shot=seen.shot,
        box=(0.0, 0.0, float(size), float(size)),
        landmarks=(0.0,) * 10,
        quality=0.5,
        pack_sha256=seen.deployment.pack_sha256,
        chip_size=size,
        chip=seal(key, chip.tobytes(), what="chip", whose=seen.face_id),
        thumbnail=seal(key, _JPEG, what="thumbnail", whose=seen.face_id),
    )


def _embedding(seen: _Seen, key: DataKey, template: FloatArray) -> Embedding:
    plain = template.astype("<f4").tobytes()
    return Embedding(
        deployment_id=seen.deployment.deployment_id,
        face_id=seen.face_id,
        track_id=seen.track_id,
        camera_id=CAMERA,
        captured_at=seen.at,
        shot=seen.shot,
        quality=0.5,
        pack_sha256=seen.deployment.pack_sha256,
        template=seal(key, plain, what="template", whose=seen.face_id),
        thumbnail=seal(key, _JPEG, what="thumbnail", whose=seen.face_id),
    )

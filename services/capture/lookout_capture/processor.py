"""Takes the newest image of every camera, seals it, sends it on; and stays shut whenever it may not.

A source, not a `lookout.stream.Processor`: nothing comes in by the stream. One loop seals for all cameras, so that a turn
asks for its keys in one batch.
"""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import structlog
from lookout.authority import Authority
from lookout.events import Deployment, Frame, ServiceState
from lookout.ids import frame_id
from lookout.sealing.envelope import seal
from lookout.sealing.ports import DataKey, Issuer, KeyringUnavailableError
from lookout.stream.ports import Clock

from lookout_capture.acknowledgement import Acknowledgements
from lookout_capture.domain import (
    CameraSpec,
    CameraView,
    DropReason,
    ReadingRules,
    Shut,
    is_fresh,
    judge,
    why_not_capturing,
)
from lookout_capture.metrics import Metrics
from lookout_capture.ports import EncodedImage, EncodeError, Encoder, OpenSource
from lookout_capture.readings import RawFrame
from lookout_capture.worker import CameraWorker, Log

_TURN_S = 0.1
_LOOP_SILENT_S = 0.9
_RETIRE_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """An image that may be sealed, and under whose authority."""

    camera_id: str
    deployment: Deployment
    raw: RawFrame


class Capture:
    """Cameras in, sealed frames out.

    ``emit`` queues frames with the producer, ``flush`` blocks until everything queued is acknowledged (called from a
    thread of its own); either raises `StreamError` when the stream is lost, and so does `run`. ``upstream_status`` gives
    the reason why keeper and matching could not take more, or None: it is asked many times a second, as is
    ``authority``, and both must answer from memory. ``is_still`` says of a camera's image that it shows nothing new; it is
    not asked of recordings that are taken image by image. The issuer is used by the thread of `run` alone; whoever made it
    closes it after `run`.
    """

    def __init__(
        self,
        *,
        cameras: Sequence[CameraSpec],
        sources: OpenSource,
        authority: Authority,
        upstream_status: Callable[[datetime], str | None],
        issuer: Issuer,
        encoder: Encoder,
        emit: Callable[[Sequence[Frame]], None],
        flush: Callable[[], None],
        metrics: Metrics,
        clock: Clock,
        rules: ReadingRules,
        stale_after: timedelta = timedelta(seconds=2),
        max_unacknowledged: int = 8,
        is_still: Callable[[str, RawFrame], bool] | None = None,
        run_id: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authority = authority
        self._upstream_status = upstream_status
        self._issuer = issuer
        self._encoder = encoder
        self._emit = emit
        self._metrics = metrics
        self._clock = clock
        self._stale_after = stale_after
        self._max_unacknowledged = max_unacknowledged
        self._is_still = is_still
        self._monotonic = monotonic
        self._run_id = run_id or str(uuid.uuid4())
        self._log: Log = structlog.get_logger()
        self._wake = threading.Event()
        self._acknowledgements = Acknowledgements(flush=flush, changed=metrics.unacknowledged)
        self._workers = [
            CameraWorker(
                camera=camera,
                sources=sources,
                metrics=metrics,
                wake=self._wake,
                rules=rules,
                clock=clock,
                monotonic=monotonic,
            )
            for camera in cameras
        ]
        self._sequences: Counter[str] = Counter()
        self._shut: dict[str, Shut] = {}
        self._keyring: str | None = None
        self._sealed_for: set[str] = set()
        self._retire_at = monotonic()
        self._state = (ServiceState.NOT_RUNNING, "starting")
        self._turned_at: float | None = None
        self.finished = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Capture until ``stop``, or until every recording is over (`finished`). Raises `StreamError`."""
        self._acknowledgements.start()
        try:
            while not stop.is_set() and not self.finished.is_set():
                for worker in self._workers:
                    worker.supervise()
                self._turn()
                self._acknowledgements.check()
                self._say_state()
                if all(worker.over for worker in self._workers):
                    self.finished.set()
                    break
                self._wake.wait(_TURN_S)
                self._wake.clear()
        finally:
            for worker in self._workers:
                worker.stop()
            self._acknowledgements.close()
            self._turned_at = None
            why = self._judged()[1] if self.finished.is_set() else "stopped"
            self._state = (ServiceState.NOT_RUNNING, why)
        self._acknowledgements.check()

    def state(self) -> tuple[ServiceState, str]:
        """How capture is, and why; for the status record. Safe from any thread."""
        turned_at, state = self._turned_at, self._state
        if turned_at is not None and self._monotonic() - turned_at > _LOOP_SILENT_S:
            return ServiceState.NOT_RUNNING, "sealing waits for the keyring or the broker"
        return state

    def failures(self) -> Mapping[str, str]:
        """By camera, why there are no images of it. Empty when every recording simply ended."""
        return {w.camera.camera_id: w.failure for w in self._workers if w.failure is not None}

    # One turn of the loop.

    def _turn(self) -> None:
        started = self._monotonic()
        self._turned_at = started
        now = self._clock()
        upstream = self._upstream_status(now)
        chosen: list[_Chosen] = []
        for worker in self._workers:
            found = self._choose(worker, now, upstream, len(chosen))
            if found is not None:
                chosen.append(found)
        if chosen and self._send(chosen):
            self._metrics.turn_took(self._monotonic() - started)
        self._retire(now)

    def _retire(self, now: datetime) -> None:
        """Have the keys never used of a deployment that is over receipted."""
        over = [name for name in self._sealed_for if self._authority.deployment(name, now) is None]
        if not over or self._monotonic() < self._retire_at:
            return
        for name in over:
            try:
                self._issuer.retire(name)
            except KeyringUnavailableError as error:
                self._retire_at = self._monotonic() + _RETIRE_AGAIN_S
                self._log.warning("block.not_retired", deployment=name, why=str(error))
            else:
                self._sealed_for.discard(name)

    def _choose(
        self, worker: CameraWorker, now: datetime, upstream: str | None, ahead: int
    ) -> _Chosen | None:
        camera_id = worker.camera.camera_id
        deployment = self._authority.for_camera(camera_id, now)
        shut = why_not_capturing(
            camera_id=camera_id,
            deployment=deployment,
            upstream=upstream,
            now=now,
            why_no_deployment="" if deployment else self._authority.why_not(now),
        )
        worker.permit(shut is None)
        if shut is None:
            self._shut.pop(camera_id, None)
        else:
            self._shut[camera_id] = shut
        full = self._acknowledgements.outstanding + ahead >= self._max_unacknowledged
        if full and worker.patient:
            return None
        raw = worker.take()
        if raw is None:
            return None
        if shut is not None or deployment is None:
            self._drop(camera_id, DropReason.NO_AUTHORITY if shut is None else shut.reason)
        elif not is_fresh(raw.captured_at, now, self._stale_after):
            self._drop(camera_id, DropReason.STALE)
        elif full:
            self._drop(camera_id, DropReason.BACKLOG)
        elif self._is_still is not None and not worker.patient and self._is_still(camera_id, raw):
            self._drop(camera_id, DropReason.STILL)
        else:
            return _Chosen(camera_id, deployment, raw)
        return None

    def _send(self, chosen: Sequence[_Chosen]) -> bool:
        """Seal and send on; whether anything was."""
        # A key once made must end in a receipt: so none is asked for before the image is known to be good.
        encoded = [(one, jpeg) for one in chosen if (jpeg := self._encode(one)) is not None]
        encoded.sort(key=lambda pair: pair[0].deployment.deployment_id)
        sent = False
        for deployment_id, group in groupby(
            encoded, key=lambda pair: pair[0].deployment.deployment_id
        ):
            images = list(group)
            keys = self._keys(deployment_id, images)
            frames = (
                [
                    self._seal(one, jpeg, key)
                    for (one, jpeg), key in zip(images, keys, strict=True)
                    if self._still_permitted(one)
                ]
                if keys
                else []
            )
            if frames:
                self._emit(frames)
                self._acknowledgements.sent(len(frames))
                sent = True
                for frame in frames:
                    self._metrics.sealed(frame.camera_id, len(frame.image.ciphertext))
        return sent

    def _encode(self, one: _Chosen) -> EncodedImage | None:
        try:
            return self._encoder.encode(one.raw)
        except EncodeError as error:
            self._drop(one.camera_id, DropReason.UNREADABLE)
            self._log.warning("frame.unreadable", camera=one.camera_id, detail=str(error))
            return None

    def _keys(
        self, deployment_id: str, images: Sequence[tuple[_Chosen, EncodedImage]]
    ) -> Sequence[DataKey]:
        """One key for each image; none at all while the keyring gives none."""
        self._sealed_for.add(deployment_id)
        try:
            keys = self._issuer.make(deployment_id, len(images))
        except KeyringUnavailableError as error:
            self._keyring = str(error)
            for one, _ in images:
                self._drop(one.camera_id, DropReason.KEYRING)
            return ()
        self._keyring = None
        return keys

    def _still_permitted(self, one: _Chosen) -> bool:
        """Getting keys can take long enough for everything to be otherwise. The key then expires, and is receipted so."""
        now = self._clock()
        shut = why_not_capturing(
            camera_id=one.camera_id,
            deployment=self._authority.for_camera(one.camera_id, now),
            upstream=self._upstream_status(now),
            now=now,
        )
        if shut is not None:
            self._drop(one.camera_id, shut.reason)
        elif not is_fresh(one.raw.captured_at, now, self._stale_after):
            self._drop(one.camera_id, DropReason.STALE)
        else:
            return True
        return False

    def _seal(self, one: _Chosen, image: EncodedImage, key: DataKey) -> Frame:
        deployment_id = one.deployment.deployment_id
        sequence = self._sequences[one.camera_id]
        self._sequences[one.camera_id] += 1
        name = frame_id(deployment_id, one.camera_id, self._run_id, sequence)
        return Frame(
            deployment_id=deployment_id,
            frame_id=name,
            camera_id=one.camera_id,
            sequence=sequence,
            captured_at=one.raw.captured_at,
            width=image.width,
            height=image.height,
            image=seal(key, image.jpeg, what="frame", whose=name),
        )

    def _drop(self, camera_id: str, reason: DropReason) -> None:
        self._metrics.dropped(camera_id, reason)

    # How it is.

    def _judged(self) -> tuple[ServiceState, str]:
        waiting = self._acknowledgements.outstanding
        return judge(
            [self._view(worker) for worker in self._workers],
            keyring=self._keyring,
            unacknowledged=waiting if waiting >= self._max_unacknowledged else 0,
            degraded=self._metrics.share.why_degraded(),
        )

    def _say_state(self) -> None:
        state = self._judged()
        if state != self._state:
            self._state = state
            self._log.info("capture.state", state=str(state[0]), reason=state[1])

    def _view(self, worker: CameraWorker) -> CameraView:
        shut = self._shut.get(worker.camera.camera_id)
        return CameraView(
            camera_id=worker.camera.camera_id,
            up=worker.up,
            over=worker.over,
            failure=worker.failure,
            shut=shut.detail if shut else None,
        )

"""Sealed chips in, sealed templates out, under the same key; thumbnails pass unopened."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from lookout.authority import Authority
from lookout.events import Deployment, Embedding, ErasureReason, Face, ServiceState
from lookout.sealing.envelope import open_sealed, seal
from lookout.sealing.ports import CannotOpenError, DataKey, Destruction, Keyring
from lookout.stream.ports import Clock, Partition
from lookout.stream.processor import Delivery, Outcome, Rejection
from lookout.telemetry.share import WorkedShare
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.errors import ModelShapeError
from lookout.vision.templates import is_template

from lookout_embedding.domain import Skip, is_needed, template_bytes, why_skipped
from lookout_embedding.metrics import Metrics
from lookout_embedding.ports import Embedder, ModelOutputError
from lookout_embedding.settings import Settings

_WHY_DESTROYED = {
    Skip.NO_AUTHORITY: ErasureReason.DEPLOYMENT_CLOSED,
    Skip.STALE: ErasureReason.STALE,
    Skip.FROM_THE_FUTURE: ErasureReason.STALE,
    Skip.SHED: ErasureReason.STALE,
}
"""What is skipped and not named here has no key of its own to destroy: another record's work covers it, or it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A face whose chip, shape (S, S, 3), uint8, BGR, is in the clear."""

    delivery: Delivery[Face]
    key: DataKey
    chip: Image


@dataclass(slots=True)
class _Work:
    """One batch under way."""

    outcome: Outcome = field(default_factory=Outcome)
    skipped: Counter[Skip] = field(default_factory=Counter)

    def skip(self, face: Face, why: Skip) -> None:
        self.skipped[why] += 1
        reason = _WHY_DESTROYED.get(why)
        if reason is not None:
            self.outcome.destroy.append(_destruction(face, reason))

    def reject(self, delivery: Delivery[Face], kind: str, detail: str) -> None:
        keys = (_destruction(delivery.event, ErasureReason.REJECTED),)
        self.outcome.reject.append(
            Rejection(position=delivery.position, kind=kind, detail=detail, keys=keys)
        )


class EmbeddingProcessor:
    """Turns chips into templates. Keeps nothing between batches; a face's key lives on with its template."""

    def __init__(
        self,
        *,
        embedder: Embedder,
        pack_sha256: str,
        authority: Authority,
        keyring: Keyring,
        metrics: Metrics,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._embedder, self._pack_sha256 = embedder, pack_sha256
        self._authority, self._keyring = authority, keyring
        self._metrics, self._clock, self._settings = metrics, clock, settings
        self._share = WorkedShare("shots")

    def process(self, batch: Sequence[Delivery[Face]]) -> Outcome:
        """See `Processor.process`.

        Raises:
            KeyringUnavailableError: there are no keys to be had.
            ModelShapeError: the model is not what its pack says; no face is to blame.
        """
        work = _Work()
        admitted = self._admit(batch, self._clock(), work)
        opened = self._open(admitted, work)
        for start in range(0, len(opened), self._settings.max_batch):
            self._embed(opened[start : start + self._settings.max_batch], work)
        shed = work.skipped[Skip.SHED] + work.skipped[Skip.STALE]
        self._share.count(worked=len(work.outcome.produce), shed=shed)
        for why, count in work.skipped.items():
            self._metrics.faces_skipped.labels(why).inc(count)
        self._metrics.templates.inc(len(work.outcome.produce))
        return work.outcome

    def tick(self, now: datetime) -> Outcome:  # noqa: ARG002 - the port's signature; nothing here waits for time
        """Nothing: no state."""
        return Outcome()

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Nothing: no state."""

    def drain(self) -> Outcome:
        """Nothing: no state."""
        return Outcome()

    def state(self, now: datetime) -> tuple[ServiceState, str]:
        """How this service stands, and why, in words for people; empty when all is well."""
        in_force = self._authority.in_force(now)
        if not in_force:
            return ServiceState.NOT_RUNNING, self._authority.why_not(now)
        foreign = [each for each in in_force if each.pack_sha256 != self._pack_sha256]
        if not foreign:
            degraded = self._share.why_degraded()
            return (ServiceState.DEGRADED if degraded else ServiceState.LIVE), degraded
        reason = "; ".join(
            f"deployment {each.deployment_id} asks for pack {each.pack_name}"
            f" ({each.pack_sha256[:12]}), this service has {self._pack_sha256[:12]}"
            for each in foreign
        )
        none_left = len(foreign) == len(in_force)
        return (ServiceState.NOT_RUNNING if none_left else ServiceState.DEGRADED), reason

    def _admit(
        self, batch: Sequence[Delivery[Face]], now: datetime, work: _Work
    ) -> list[tuple[Delivery[Face], Deployment]]:
        seen: set[str] = set()
        admitted: list[tuple[Delivery[Face], Deployment]] = []
        for delivery in batch:
            face = delivery.event
            if face.chip.key_id in seen:
                work.skip(face, Skip.DUPLICATE)
                continue
            seen.add(face.chip.key_id)
            deployment = self._authority.deployment(face.deployment_id, now)
            why = why_skipped(face, deployment, now, self._settings.freshness)
            if deployment is None or why is not None:
                work.skip(face, why or Skip.NO_AUTHORITY)
                continue
            admitted.append((delivery, deployment))
        return self._shed(admitted, now, work)

    def _shed(
        self,
        admitted: list[tuple[Delivery[Face], Deployment]],
        now: datetime,
        work: _Work,
    ) -> list[tuple[Delivery[Face], Deployment]]:
        """Of a stream that lags, only the shots that a confirmation needs."""
        oldest = min((delivery.event.captured_at for delivery, _ in admitted), default=now)
        if now - oldest <= self._settings.shed_after:
            return admitted
        kept = []
        for delivery, deployment in admitted:
            if is_needed(delivery.event, deployment):
                kept.append((delivery, deployment))
            else:
                work.skip(delivery.event, Skip.SHED)
        return kept

    def _open(
        self, admitted: Sequence[tuple[Delivery[Face], Deployment]], work: _Work
    ) -> list[_Opened]:
        """Chips in the clear; a record is judged only while its key is there: one without has been dealt with."""
        if not admitted:
            return []
        with self._metrics.stage("keys"):
            keys = self._keyring.get([delivery.event.chip.key_id for delivery, _ in admitted])
        opened: list[_Opened] = []
        with self._metrics.stage("open"):
            for (delivery, deployment), key in zip(admitted, keys, strict=True):
                if key is None:
                    work.skip(delivery.event, Skip.KEY_GONE)
                    continue
                chip = self._chip(delivery, deployment, key, work)
                if chip is not None:
                    opened.append(_Opened(delivery=delivery, key=key, chip=chip))
        return opened

    def _chip(
        self, delivery: Delivery[Face], deployment: Deployment, key: DataKey, work: _Work
    ) -> Image | None:
        face, size, ours = delivery.event, self._embedder.size, self._pack_sha256
        if not face.pack_sha256 == deployment.pack_sha256 == ours:
            detail = (
                f"face and deployment must be of pack {ours[:12]}, but the face is of"
                f" {face.pack_sha256[:12]} and its deployment asks for {deployment.pack_sha256[:12]}"
            )
            work.reject(delivery, "wrong_pack", detail)
            return None
        if face.chip_size != size:
            detail = f"the chip must be {size} pixels wide, but its record says {face.chip_size}"
            work.reject(delivery, "wrong_chip_size", detail)
            return None
        try:
            data = open_sealed(key, face.chip, what="chip", whose=face.face_id)
        except CannotOpenError as error:
            work.reject(delivery, "cannot_open", str(error))
            return None
        if len(data) != size * size * 3:
            detail = f"the chip must hold {size * size * 3} bytes, but holds {len(data)}"
            work.reject(delivery, "bad_chip", detail)
            return None
        return np.frombuffer(data, dtype=np.uint8).reshape(size, size, 3)

    def _embed(self, opened: Sequence[_Opened], work: _Work) -> None:
        with self._metrics.stage("embed"):
            templates = self._templates([item.chip for item in opened])
        self._metrics.chips_in_batch.observe(len(opened))
        with self._metrics.stage("seal"):
            for item, template in zip(opened, templates, strict=True):
                if template is None or not is_template(template):
                    detail = "the model's answer is not finite, or has no direction"
                    work.reject(item.delivery, "bad_template", detail)
                else:
                    work.outcome.produce.append(_embedding(item.delivery.event, item.key, template))

    def _templates(self, chips: Sequence[Image]) -> list[FloatArray | None]:
        """A template for each chip, None where the model has none."""
        try:
            return list(self._answer(chips))
        except ModelOutputError:
            if len(chips) == 1:
                return [None]
        # One chip without an answer spoils the batch: it alone is to be rejected.
        return [template for chip in chips for template in self._templates([chip])]

    def _answer(self, chips: Sequence[Image]) -> FloatArray:
        templates = self._embedder.embed(np.stack(chips))
        wanted = (len(chips), self._embedder.dim)
        if templates.shape != wanted:
            raise ModelShapeError(
                f"the embedder must answer templates of shape {wanted}, but answered"
                f" {templates.shape}: correct the pack's manifest"
            )
        return templates


def _embedding(face: Face, key: DataKey, template: FloatArray) -> Embedding:
    sealed = seal(key, template_bytes(template), what="template", whose=face.face_id)
    return Embedding(
        deployment_id=face.deployment_id,
        face_id=face.face_id,
        track_id=face.track_id,
        camera_id=face.camera_id,
        captured_at=face.captured_at,
        shot=face.shot,
        quality=face.quality,
        pack_sha256=face.pack_sha256,
        template=sealed,
        thumbnail=face.thumbnail,
    )


def _destruction(face: Face, reason: ErasureReason) -> Destruction:
    return Destruction(
        key_id=face.chip.key_id,
        reason=reason,
        deployment_id=face.deployment_id,
        captured_at=face.captured_at,
    )

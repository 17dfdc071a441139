"""Which frames may be opened: those under authority, of our pack, fresh, and not outrun by newer ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lookout.authority import Authority
from lookout.events import Deployment, Frame
from lookout.stream.processor import Delivery

from lookout_detection.domain import Skip

Camera = tuple[str, str]
"""Deployment id and camera id: a track never spans two deployments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A frame that may be opened, and the deployment that allows it."""

    delivery: Delivery[Frame]
    deployment: Deployment

    @property
    def camera(self) -> Camera:
        """Whose view the frame continues."""
        return self.deployment.deployment_id, self.delivery.event.camera_id


class Admission:
    """Decides on frames by their records alone: nothing is opened here, and no key asked for."""

    def __init__(
        self,
        *,
        authority: Authority,
        pack_sha256: str,
        freshness: timedelta,
        shed_after: timedelta,
    ) -> None:
        self._authority, self._pack = authority, pack_sha256
        self._freshness, self._shed_after = freshness, shed_after

    def admit(
        self,
        batch: Sequence[Delivery[Frame]],
        now: datetime,
        skip: Callable[[Frame, Skip], None],
    ) -> list[Admitted]:
        """The frames to be opened, in their order; ``skip`` is told of every other one."""
        seen: set[str] = set()
        admitted: list[Admitted] = []
        for delivery in batch:
            frame = delivery.event
            if frame.image.key_id in seen:
                skip(frame, Skip.DUPLICATE)
                continue
            seen.add(frame.image.key_id)
            deployment = self._authority.deployment(frame.deployment_id, now)
            why = self._refusal(frame, deployment, now)
            if deployment is None or why is not None:
                skip(frame, why or Skip.NO_AUTHORITY)
                continue
            admitted.append(Admitted(delivery=delivery, deployment=deployment))
        return self._shed(admitted, now, skip)

    def _refusal(self, frame: Frame, deployment: Deployment | None, now: datetime) -> Skip | None:
        if deployment is None or frame.camera_id not in deployment.cameras:
            return Skip.NO_AUTHORITY
        if not deployment.opens_at <= frame.captured_at < deployment.closes_at:
            return Skip.NO_AUTHORITY
        if deployment.pack_sha256 != self._pack:
            return Skip.WRONG_PACK
        if now - frame.captured_at > self._freshness:
            return Skip.STALE
        if frame.captured_at - now > self._freshness:
            return Skip.FROM_THE_FUTURE
        return None

    def _shed(
        self, admitted: list[Admitted], now: datetime, skip: Callable[[Frame, Skip], None]
    ) -> list[Admitted]:
        """Of cameras that lag, the newest frame alone."""
        waiting: dict[Camera, list[Frame]] = {}
        for item in admitted:
            waiting.setdefault(item.camera, []).append(item.delivery.event)
        newest: dict[Camera, Frame] = {}
        for camera, frames in waiting.items():
            oldest = min(frame.captured_at for frame in frames)
            if now - oldest > self._shed_after:
                newest[camera] = max(frames, key=lambda frame: frame.captured_at)
        kept = []
        for item in admitted:
            frame = item.delivery.event
            if newest.get(item.camera, frame) is frame:
                kept.append(item)
            else:
                skip(frame, Skip.SHED)
        return kept

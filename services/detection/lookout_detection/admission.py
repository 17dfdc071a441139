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
        turn: timedelta,
    ) -> None:
        self._authority, self._pack = authority, pack_sha256
        self._freshness, self._shed_after, self._turn = freshness, shed_after, turn
        self._pace = timedelta(0)

    def worked(self, frames: int, took: timedelta) -> None:
        """Hear how long so many frames took, so that the next turn can be measured out. A clock's jump is not heard."""
        each = took / frames if frames else timedelta(0)
        if timedelta(0) < each < self._freshness:
            self._pace = each if not self._pace else self._pace + (each - self._pace) / 4

    def admit(
        self,
        batch: Sequence[Delivery[Frame]],
        now: datetime,
        *,
        looked_at: Callable[[Camera], datetime | None],
        is_begun: Callable[[Admitted], bool],
        skip: Callable[[Frame, Skip], None],
    ) -> list[Admitted]:
        """The frames to be opened, in their order; ``skip`` is told of every other one.

        ``looked_at`` says when a camera's last frame that was looked at had been captured, None for one not looked at yet;
        ``is_begun`` whether a confirmation may be waiting for just this frame.
        """
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
        kept = self._kept(admitted, now, looked_at, is_begun)
        ours = {id(item) for item in kept}
        for item in admitted:
            if id(item) not in ours:
                skip(item.delivery.event, Skip.SHED)
        return kept

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

    def _kept(
        self,
        admitted: list[Admitted],
        now: datetime,
        looked_at: Callable[[Camera], datetime | None],
        is_begun: Callable[[Admitted], bool],
    ) -> list[Admitted]:
        """All, unless a camera lags or is about to: then its newest frame alone, and of as many as a turn has the time for.

        What a turn finds is told only at its end, and what comes meanwhile waits as long: so turns are kept short exactly
        when there is much to do. The camera that was looked at longest ago comes first, so that each has its turn; then
        those where a track has some of the shots that it needs, as an alert may be waiting for the next; then the others.
        """
        waiting: dict[Camera, list[Admitted]] = {}
        for item in admitted:
            waiting.setdefault(item.camera, []).append(item)
        too_many = len(admitted) * self._pace > self._shed_after
        lagging = [
            camera
            for camera, items in waiting.items()
            if too_many or _oldest(items) < now - self._shed_after
        ]
        if not lagging:
            return admitted
        for camera in lagging:
            waiting[camera] = [max(waiting[camera], key=_captured)]
        never = datetime.min.replace(tzinfo=now.tzinfo)
        kept: list[Admitted] = []
        neglected = sorted(waiting, key=lambda one: looked_at(one) or never)
        begun = {one for one in neglected[1:] if any(is_begun(item) for item in waiting[one])}
        for camera in (neglected[0], *sorted(neglected[1:], key=lambda one: one not in begun)):
            if kept and (len(kept) + 1) * self._pace > self._turn:
                break
            kept += waiting[camera]
        ours = {id(item) for item in kept}
        return [item for item in admitted if id(item) in ours]


def _captured(item: Admitted) -> datetime:
    return item.delivery.event.captured_at


def _oldest(items: Sequence[Admitted]) -> datetime:
    return min(_captured(item) for item in items)

"""Which face is whose from frame to frame, and which of its shots are worth comparing.

Everything here is a value: following a camera gives a new view and leaves the old one as it was, so a batch that has to
be repeated starts from where it started before.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from lookout import ids
from lookout.events import Rejected, Track
from lookout.vision.arrays import FloatArray
from lookout.vision.boxes import iou_matrix
from scipy.optimize import linear_sum_assignment

State = npt.NDArray[np.float64]

# Spreads of the motion model, in face heights (and seconds): a face beside the camera may cross six of its own heights
# in a second, and its size changes far slower than its place.
_MEASURED = np.array([0.05, 0.05, 0.08, 0.08])
_FIRST_SPEED = np.array([4.0, 4.0, 0.5, 0.5])
_ACCELERATION = np.array([4.0, 4.0, 0.5, 0.5])
_LEAST_SIDE = 1.0
_NEVER = 1e6


class Skip(StrEnum):
    """Why a frame was not looked at."""

    NO_AUTHORITY = "no_authority"
    WRONG_PACK = "wrong_pack"
    STALE = "stale"
    FROM_THE_FUTURE = "from_the_future"
    SHED = "shed"
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out_of_order"
    KEY_GONE = "key_gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRules:
    """How faces are followed.

    Attributes:
        begin_score: a detection scored lower may continue a track, never begin one.
        max_gap: a track unseen for longer is over.
        min_iou: predicted and detected box may be one face when they overlap so much, or
        max_distance: when their centres are no further apart than this many face sides,
        max_growth: and the sides differ by no more than this factor.
    """

    begin_score: float = 0.7
    max_gap: timedelta = timedelta(seconds=1)
    min_iou: float = 0.1
    max_distance: float = 1.0
    max_growth: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotRules:
    """Which shots of a track are sent.

    Attributes:
        most: shots of a track at most, or as many as confirmation needs, if that is more.
        min_interval: between two shots, so that they are not the same look twice.
        margin: quality by which a later shot must surpass what it improves on.
    """

    most: int = 5
    min_interval: timedelta = timedelta(milliseconds=250)
    margin: float = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Where a face is and where it goes: a Kalman filter of constant velocity for each of centre x, y, width, height.

    Attributes:
        mean: shape (4, 2), place and speed, pixels and pixels per second.
        covariance: shape (4, 2, 2).
    """

    mean: State
    covariance: State

    @classmethod
    def begin(cls, box: FloatArray) -> "Motion":
        """A face first seen in a box of shape (4,), xyxy, pixels: standing, as far as anyone knows."""
        measured = _centred(box)
        spread = measured[3] * np.stack([_MEASURED, _FIRST_SPEED], axis=1)
        covariance = np.zeros((4, 2, 2))
        covariance[:, [0, 1], [0, 1]] = spread**2
        return cls(np.stack([measured, np.zeros(4)], axis=1), covariance)

    def after(self, seconds: float) -> "Motion":
        """The prediction so many seconds later."""
        step = np.array([[1.0, seconds], [0.0, 1.0]])
        mean = self.mean @ step.T
        mean[2:, 0] = np.maximum(mean[2:, 0], _LEAST_SIDE)
        noise = np.array([[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]])
        strength = (_ACCELERATION * mean[3, 0]) ** 2
        return Motion(mean, step @ self.covariance @ step.T + strength[:, None, None] * noise[None])

    def seen(self, box: FloatArray) -> "Motion":
        """The estimate once the face was detected in a box of shape (4,), xyxy, pixels."""
        measured = _centred(box)
        noise = (_MEASURED * measured[3]) ** 2
        gain = self.covariance[:, :, 0] / (self.covariance[:, 0, 0] + noise)[:, None]
        mean = self.mean + gain * (measured - self.mean[:, 0])[:, None]
        mean[2:, 0] = np.maximum(mean[2:, 0], _LEAST_SIDE)
        return Motion(mean, self.covariance - gain[:, :, None] * self.covariance[:, None, 0, :])

    @property
    def box(self) -> FloatArray:
        """Shape (4,), xyxy, pixels."""
        centre, halves = self.mean[:2, 0], self.mean[2:, 0] / 2
        return np.concatenate([centre - halves, centre + halves]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Shots:
    """The shots sent of a track: their qualities, and when the last was taken."""

    qualities: tuple[float, ...] = ()
    last_at: datetime | None = None

    def sent(self, quality: float, at: datetime) -> "Shots":
        """With one more."""
        return Shots((*self.qualities, quality), at)


def may_send(shots: Shots, at: datetime, rules: ShotRules, *, needed: int) -> bool:
    """Whether a shot taken at ``at`` could be sent at all, however good: spares measuring it if not."""
    if shots.last_at is None:
        return True
    if len(shots.qualities) >= max(rules.most, needed):
        return False
    return at - shots.last_at >= rules.min_interval


def worth_sending(
    shots: Shots, quality: float, at: datetime, rules: ShotRules, *, needed: int
) -> bool:
    """Whether a usable shot is to be sent.

    ``needed`` shots have to agree before anyone is alerted, so a track is as good as its ``needed``-th best shot: until
    there are so many, every usable one is sent; then one that is clearly better than that.
    """
    if not may_send(shots, at, rules, needed=needed):
        return False
    if len(shots.qualities) < needed:
        return True
    improved = sorted(shots.qualities, reverse=True)[max(needed, 1) - 1]
    return quality >= improved + rules.margin


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTrack:
    """One face as followed so far; ``motion`` is as of ``last_seen``."""

    track_id: str
    first_seen: datetime
    last_seen: datetime
    frames: int
    motion: Motion
    shots: Shots = Shots()
    rejected: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def refused(self, reason: str) -> "LiveTrack":
        """With one more shot that was not usable."""
        counts = Counter(self.rejected)
        counts[reason] += 1
        return replace(self, rejected=MappingProxyType(counts))

    def summary(self, deployment_id: str, camera_id: str) -> Track:
        """The record of its end."""
        return Track(
            deployment_id=deployment_id,
            track_id=self.track_id,
            camera_id=camera_id,
            first_seen=self.first_seen,
            last_seen=self.last_seen,
            frames=self.frames,
            shots=len(self.shots.qualities),
            rejected=tuple(
                Rejected(reason=reason, count=count)
                for reason, count in sorted(self.rejected.items())
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the detector found on one frame: ``boxes`` (N, 4) xyxy, pixels; ``scores`` (N,)."""

    frame_id: str
    sequence: int
    at: datetime
    boxes: FloatArray
    scores: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraView:
    """What is known of one camera in one deployment. The id of a track says which camera and frame it began on."""

    deployment_id: str
    camera_id: str
    sequence: int | None = None
    seen_at: datetime | None = None
    tracks: tuple[LiveTrack, ...] = ()
    previewed_at: datetime | None = None

    def is_old(self, sequence: int, at: datetime) -> bool:
        """Whether a frame came before the last one followed, or is that one.

        A lower sequence captured later is a restarted capture: its sequences begin anew.
        """
        if self.sequence is None or self.seen_at is None:
            return False
        return sequence <= self.sequence and at <= self.seen_at

    def with_track(self, track: LiveTrack) -> "CameraView":
        """With a track of the same id replaced."""
        tracks = tuple(track if old.track_id == track.track_id else old for old in self.tracks)
        return replace(self, tracks=tracks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A camera after one more frame.

    Attributes:
        view: its new state.
        ended: the tracks that were over when this frame was taken.
        seen: for each detection its track's id, or None for one that neither continues nor begins a track.
        hidden: shape (M, 4), xyxy, pixels: where live tracks that were not detected should be.
    """

    view: CameraView
    ended: tuple[LiveTrack, ...]
    seen: tuple[str | None, ...]
    hidden: FloatArray


def follow(view: CameraView, look: Look, rules: TrackRules) -> Followed:
    """Continue, begin and end a camera's tracks with what one frame shows; the frame must not be old.

    A clock set back ends all tracks: how long ago a face was seen is unknown then.
    """
    turned_back = view.seen_at is not None and look.at < view.seen_at
    live = () if turned_back else within_gap(view.tracks, look.at, rules)
    kept = {track.track_id for track in live}
    ended = tuple(track for track in view.tracks if track.track_id not in kept)
    predicted = [track.motion.after((look.at - track.last_seen).total_seconds()) for track in live]
    pairs = _assign(live, predicted, look, rules)
    seen: list[str | None] = [None] * len(look.boxes)
    tracks: list[LiveTrack] = []
    hidden = []
    for row, track in enumerate(live):
        column = pairs.get(row)
        if column is None:
            tracks.append(track)
            hidden.append(predicted[row].box)
            continue
        seen[column] = track.track_id
        motion = predicted[row].seen(look.boxes[column])
        tracks.append(replace(track, last_seen=look.at, frames=track.frames + 1, motion=motion))
    for track, column in _begun(view.camera_id, look, seen, rules):
        seen[column] = track.track_id
        tracks.append(track)
    after = replace(view, sequence=look.sequence, seen_at=look.at, tracks=tuple(tracks))
    boxes = np.array(hidden, dtype=np.float32).reshape(-1, 4)
    return Followed(view=after, ended=ended, seen=tuple(seen), hidden=boxes)


def within_gap(
    tracks: Sequence[LiveTrack], at: datetime, rules: TrackRules
) -> tuple[LiveTrack, ...]:
    """The tracks that a detection at ``at`` may still continue."""
    return tuple(track for track in tracks if at - track.last_seen <= rules.max_gap)


def _begun(
    camera_id: str, look: Look, seen: Sequence[str | None], rules: TrackRules
) -> list[tuple[LiveTrack, int]]:
    """New tracks, each with the index of its detection."""
    free = [
        column
        for column, score in enumerate(look.scores)
        if seen[column] is None and score >= rules.begin_score
    ]
    return [
        (
            LiveTrack(
                track_id=ids.track_id(camera_id, look.frame_id, ordinal),
                first_seen=look.at,
                last_seen=look.at,
                frames=1,
                motion=Motion.begin(look.boxes[column]),
            ),
            column,
        )
        for ordinal, column in enumerate(free)
    ]


def _assign(
    live: Sequence[LiveTrack], predicted: Sequence[Motion], look: Look, rules: TrackRules
) -> dict[int, int]:
    """The detection of each track that has one, no detection twice: the cheapest assignment of all (Hungarian)."""
    if not live or not len(look.boxes):
        return {}
    boxes = np.stack([motion.box for motion in predicted])
    overlap = iou_matrix(boxes, look.boxes)
    side, found = _sides(boxes), _sides(look.boxes)
    apart = np.linalg.norm(_centres(boxes)[:, None] - _centres(look.boxes)[None], axis=2)
    distance = apart / np.maximum((side[:, None] + found[None]) / 2, _LEAST_SIDE)
    growth = np.maximum(side[:, None] / found[None], found[None] / side[:, None])
    possible = (overlap >= rules.min_iou) | (distance <= rules.max_distance)
    possible &= growth <= rules.max_growth
    # A track just seen is likelier to be there than one only predicted for a while.
    unseen = np.array([(look.at - track.last_seen) / rules.max_gap for track in live])
    cost = np.where(possible, 1 - overlap + distance + unseen[:, None] / 2, _NEVER)
    rows, columns = linear_sum_assignment(cost)
    return {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if possible[row, column]
    }


def _centred(box: FloatArray) -> State:
    """Centre x, centre y, width, height of a box of shape (4,), xyxy."""
    sides = np.maximum(box[2:] - box[:2], _LEAST_SIDE)
    return np.concatenate([(box[:2] + box[2:]) / 2, sides]).astype(np.float64)


def _centres(boxes: FloatArray) -> FloatArray:
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2, dtype=np.float32)


def _sides(boxes: FloatArray) -> FloatArray:
    """The side of the square of each box's area, at least a pixel; shape (N,)."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], _LEAST_SIDE)
    return np.asarray(np.sqrt(sides[:, 0] * sides[:, 1]), dtype=np.float32)

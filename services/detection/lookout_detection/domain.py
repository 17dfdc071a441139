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

import lap
import numpy as np
import numpy.typing as npt
from lookout import ids
from lookout.events import Rejected, Track
from lookout.vision.arrays import FloatArray
from lookout.vision.boxes import iou_matrix

from lookout_detection.motion import LEAST_SIDE, Motion

_NEVER = 1e6
_SAME_SHAPE = 0.02
"""By how much the ratios of width and of height may differ: sizes are whole pixels, often multiples of 16."""


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


class Refusal(StrEnum):
    """Why a face is not compared, before its picture is looked at."""

    LOW_SCORE = "low_score"
    OUTSIDE_ZONE = "outside_zone"
    UNSOUND = "unsound"
    DEGENERATE_LANDMARKS = "degenerate_landmarks"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRules:
    """How faces are followed.

    Attributes:
        begin_score: a detection scored lower may continue a track, never begin one,
        first_score: and one scored lower than this only a track that no better detection continues.
        max_gap: a track unseen for longer is over.
        min_iou: predicted and detected box may be one face when they overlap so much, or
        max_distance: when their centres are no further apart than this many face sides,
        max_growth: and the sides differ by no more than this factor.
        doubtful_iou: a detection below ``first_score`` continues a track only where it overlaps the prediction so much.
    """

    begin_score: float = 0.7
    first_score: float = 0.6
    max_gap: timedelta = timedelta(seconds=1)
    min_iou: float = 0.1
    max_distance: float = 1.0
    max_growth: float = 2.0
    doubtful_iou: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotRules:
    """Which shots of a track are sent.

    Attributes:
        most: shots of a track at most, or as many as confirmation needs, if that is more.
        min_interval: between two shots, so that they are not the same look twice.
        margin: quality by which a later shot must surpass what it improves on.
        min_score: the detector's score at least: a face it doubts is followed, and never compared.
    """

    most: int = 5
    min_interval: timedelta = timedelta(milliseconds=250)
    margin: float = 0.1
    min_score: float = 0.6


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


def is_begun(shots: Shots, at: datetime, rules: ShotRules, *, needed: int) -> bool:
    """Whether a shot taken at ``at`` could be one that a confirmation is waiting for: some were sent, not yet enough."""
    return 0 < len(shots.qualities) < needed and may_send(shots, at, rules, needed=needed)


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
    """What the detector found on one frame of ``size`` (width, height): ``boxes`` (N, 4) xyxy, pixels; ``scores`` (N,)."""

    frame_id: str
    sequence: int
    at: datetime
    size: tuple[int, int]
    boxes: FloatArray
    scores: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraView:
    """What is known of one camera in one deployment. The id of a track says which camera and frame it began on."""

    deployment_id: str
    camera_id: str
    sequence: int | None = None
    seen_at: datetime | None = None
    size: tuple[int, int] | None = None
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

    @property
    def faces(self) -> int:
        """Detections that are followed."""
        return sum(track_id is not None for track_id in self.seen)


def follow(view: CameraView, look: Look, rules: TrackRules) -> Followed:
    """Continue, begin and end a camera's tracks with what one frame shows; the frame must not be old.

    A clock set back ends all tracks: how long ago a face was seen is unknown then. So does another shape of the frame:
    what it shows is unknown. One of the same shape in another size shows the same, and tracks go on in its pixels.
    """
    live = within_gap(_carried_over(view, look), look.at, rules)
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
    after = replace(
        view, sequence=look.sequence, seen_at=look.at, size=look.size, tracks=tuple(tracks)
    )
    boxes = np.array(hidden, dtype=np.float32).reshape(-1, 4)
    return Followed(view=after, ended=ended, seen=tuple(seen), hidden=boxes)


def _carried_over(view: CameraView, look: Look) -> tuple[LiveTrack, ...]:
    """The tracks that mean anything on this frame, in its pixels."""
    if view.seen_at is not None and look.at < view.seen_at:
        return ()
    if view.size is None or view.size == look.size:
        return view.tracks
    across, down = (new / old for new, old in zip(look.size, view.size, strict=True))
    if abs(across / down - 1) > _SAME_SHAPE:
        return ()
    return tuple(replace(track, motion=track.motion.scaled(across)) for track in view.tracks)


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
    """The detection of each track that has one, no detection twice.

    Detections that are surely faces choose first; doubtful ones are for the tracks that are left (Zhang et al. 2022,
    "ByteTrack"): a face half hidden scores low, and must not take the track of one in plain view.
    """
    if not live or not len(look.boxes):
        return {}
    overlap, possible, cost = _affinity(live, predicted, look, rules)
    sure = look.scores >= rules.first_score
    pairs = _cheapest(cost, possible & sure)
    left = np.array([row not in pairs for row in range(len(live))])
    doubtful = possible & (overlap >= rules.doubtful_iou) & left[:, None] & ~sure
    return pairs | _cheapest(cost, doubtful)


def _affinity(
    live: Sequence[LiveTrack], predicted: Sequence[Motion], look: Look, rules: TrackRules
) -> tuple[FloatArray, npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """For each track and detection: overlap, whether they may be one face, and what taking them for one costs."""
    boxes = np.array([motion.box for motion in predicted], dtype=np.float32).reshape(-1, 4)
    overlap = iou_matrix(boxes, look.boxes)
    side, found = _sides(boxes), _sides(look.boxes)
    apart = np.linalg.norm(_centres(boxes)[:, None] - _centres(look.boxes)[None], axis=2)
    distance = apart / np.maximum((side[:, None] + found[None]) / 2, LEAST_SIDE)
    growth = np.maximum(side[:, None] / found[None], found[None] / side[:, None])
    possible = (overlap >= rules.min_iou) | (distance <= rules.max_distance)
    # A track just seen is likelier to be there than one only predicted for a while.
    unseen = np.array([(look.at - track.last_seen) / rules.max_gap for track in live])
    cost = 1 - overlap + distance + unseen[:, None] / 2
    return overlap, possible & (growth <= rules.max_growth), cost.astype(np.float64)


def _cheapest(cost: npt.NDArray[np.float64], possible: npt.NDArray[np.bool_]) -> dict[int, int]:
    """The cheapest assignment of columns to rows among the possible pairs (Hungarian)."""
    rows, columns = lap.lapjvx(
        np.where(possible, cost, _NEVER), extend_cost=True, return_cost=False
    )
    return {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if possible[row, column]
    }


def _centres(boxes: FloatArray) -> FloatArray:
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2, dtype=np.float32)


def _sides(boxes: FloatArray) -> FloatArray:
    """The side of the square of each box's area, at least a pixel; shape (N,)."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], LEAST_SIDE)
    return np.asarray(np.sqrt(sides[:, 0] * sides[:, 1]), dtype=np.float32)

"""When images were taken, when a recording's are due, and which are wanted: pure rules about time, in seconds."""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from lookout_capture.domain import Pacing
from lookout_capture.readings import IrregularityKind

_LEAST_STEP_S = 0.001
_SILENCE_S = 0.5
# A picture group that a camera sends at once, ahead of time, is no jump; of a recording, an image a minute is none.
_LIVE_JUMP_S = 5.0
_RECORDED_GAP_S = 60.0


class RateLimit:
    """Lets through at most ``fps`` images a second of the given timeline, evenly; None lets all through."""

    def __init__(self, fps: float | None) -> None:
        self._interval = None if fps is None else 1.0 / fps
        self._due: float | None = None

    def admit(self, at_s: float) -> bool:
        """Whether the image at ``at_s`` (seconds of any steady timeline) is wanted."""
        if self._interval is None:
            return True
        if self._due is None:
            self._due = at_s
        if at_s < self._due - 1e-3:
            return False
        # After a gap the timeline starts afresh: a burst must not make up for it.
        late = at_s - self._due > self._interval
        self._due = (at_s if late else self._due) + self._interval
        return True


class Schedule:
    """When images that are given ahead of time are due, so that they play as they were taken.

    ``late_at_most_s``: an image that comes later than this begins the schedule anew, instead of all that follow being
    late and coming in bursts (a stream by segments whose next segment was late). None: what is late catches up.
    """

    def __init__(self, pacing: Pacing, *, late_at_most_s: float | None = None) -> None:
        self._pacing = pacing
        self._late_at_most_s = late_at_most_s
        self._offset: float | None = None

    def wait_s(self, media_s: float, now_s: float) -> float:
        """Seconds from ``now_s`` (monotonic) until the image at ``media_s`` of the recording is due; 0 when it is."""
        if self._pacing is Pacing.AS_TAKEN:
            return 0.0
        if self._offset is None:
            self._offset = now_s - media_s
        ahead = self._offset + media_s - now_s
        if self._late_at_most_s is not None and -ahead > self._late_at_most_s:
            self._offset = now_s - media_s
        return max(0.0, ahead)


class Continuity:
    """Finds where a stream's presentation times break off.

    ``jump_s``: how much further than time itself they may step from one image to the next.
    """

    def __init__(self, *, jump_s: float) -> None:
        self._jump_s = jump_s
        self._last: tuple[float, float] | None = None

    def judge(self, media_s: float | None, elapsed_s: float) -> IrregularityKind | None:
        """What is wrong with an image's presentation time, given the time that has passed (0 for a recording)."""
        if media_s is None:
            return IrregularityKind.TIME_MISSING
        last, self._last = self._last, (media_s, elapsed_s)
        if last is None:
            return None
        step, passed = media_s - last[0], elapsed_s - last[1]
        if step < 0:
            # A counter that wraps around shows as this too.
            return IrregularityKind.TIME_BACK
        if step == 0:
            return IrregularityKind.TIME_STALLED
        if step - passed > self._jump_s:
            return IrregularityKind.TIME_JUMP
        return None


class MediaClock:
    """When an image of a live camera was taken, from its presentation time and its arrival.

    The camera's clock says how images lie to one another, arrival says where they lie in ours. Every delay on the way
    makes an image arrive later, never earlier, so the image of the last ``window_s`` seconds (silences left out) that came with
    the least delay ties the two clocks together; the others are dated by the camera's. So neither a burst, nor a network that
    stutters, nor a slow decoder moves an image's time. What cannot be seen from here is the part of the delay that all
    images share. A camera's clock that runs wrong by a part r of time misdates by r times ``window_s`` at most, and a
    delay that lasts longer than ``window_s`` is taken for the camera's clock.
    """

    def __init__(self, *, window_s: float = 5.0) -> None:
        self._window_s = window_s
        # Increasing in both: time observed, and arrival less presentation time. The first holds the least of the window.
        self._least: deque[tuple[float, float]] = deque()
        self._observed_s = 0.0
        self._arrived_s: float | None = None
        self._taken_s: float | None = None

    def taken_s(self, media_s: float, arrived_s: float) -> float:
        """When, on the clock of ``arrived_s``, the image was taken: never after its arrival, never before the last."""
        self._observe(arrived_s)
        offset = arrived_s - media_s
        while self._least and self._least[-1][1] >= offset:
            self._least.pop()
        self._least.append((self._observed_s, offset))
        while self._least[0][0] < self._observed_s - self._window_s:
            self._least.popleft()
        taken = media_s + self._least[0][1]
        if self._taken_s is not None:
            # A better tie moves the images that follow it back.
            taken = max(taken, self._taken_s + _LEAST_STEP_S)
        self._taken_s = min(arrived_s, taken)
        return self._taken_s

    def _observe(self, arrived_s: float) -> None:
        # A silence tells nothing: what comes in a burst after one that is longer than the window is still old.
        step = 0.0 if self._arrived_s is None else arrived_s - self._arrived_s
        self._observed_s += min(step, _SILENCE_S)
        self._arrived_s = arrived_s

    def begin_anew(self) -> None:
        """The timeline broke off: the next image counts as taken when it arrives."""
        self._least.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Where an image stands in time: ``at_s`` on the timeline by which images are thinned out.

    ``taken_s`` is when it was taken, on the clock of its arrival; None when that is the moment it is given.
    """

    at_s: float
    taken_s: float | None = None
    irregularity: IrregularityKind | None = None


class Pace(Protocol):
    """How a stream keeps time. ``media_s`` is an image's presentation time, None if it has none."""

    def place(self, media_s: float | None, arrived_s: float) -> Moment:
        """Where an image stands; called for every image, wanted or not."""

    def wait_s(self, moment: Moment, now_s: float) -> float:
        """Seconds from ``now_s`` until it is to be given."""


class AsItArrives:
    """A live stream whose presentation times are made up by its reader, because it carries none."""

    def place(self, media_s: float | None, arrived_s: float) -> Moment:
        """See `Pace`."""
        del media_s
        return Moment(at_s=arrived_s, taken_s=arrived_s)

    def wait_s(self, moment: Moment, now_s: float) -> float:
        """See `Pace`."""
        del moment, now_s
        return 0.0


class ByItsClock:
    """A live stream with a clock of its own (RTP, MPEG-TS): dated by `MediaClock`."""

    def __init__(self) -> None:
        self._continuity = Continuity(jump_s=_LIVE_JUMP_S)
        self._clock = MediaClock()

    def place(self, media_s: float | None, arrived_s: float) -> Moment:
        """See `Pace`."""
        irregularity = self._continuity.judge(media_s, arrived_s)
        if media_s is None:
            return Moment(at_s=arrived_s, taken_s=arrived_s, irregularity=irregularity)
        if irregularity is not None:
            self._clock.begin_anew()
        taken_s = self._clock.taken_s(media_s, arrived_s)
        return Moment(at_s=arrived_s, taken_s=taken_s, irregularity=irregularity)

    def wait_s(self, moment: Moment, now_s: float) -> float:
        """See `Pace`."""
        del moment, now_s
        return 0.0


class Played:
    """A recording, or a stream that comes in pieces ahead of time: an image counts as taken when it is played.

    An image without a presentation time follows the one before at ``fps``.
    """

    def __init__(self, schedule: Schedule, *, fps: float) -> None:
        self._schedule = schedule
        self._continuity = Continuity(jump_s=_RECORDED_GAP_S)
        self._interval_s = 1.0 / fps
        self._shift_s = 0.0
        self._at_s: float | None = None

    def place(self, media_s: float | None, arrived_s: float) -> Moment:
        """See `Pace`."""
        del arrived_s
        irregularity = self._continuity.judge(media_s, 0.0)
        follows = 0.0 if self._at_s is None else self._at_s + self._interval_s
        if media_s is None:
            at_s = follows
        elif irregularity is None:
            at_s = media_s + self._shift_s
        else:
            # What broke off is joined: nothing is waited for, and nothing after it is taken for a repetition.
            self._shift_s = follows - media_s
            at_s = follows
        self._at_s = at_s
        return Moment(at_s=at_s, irregularity=irregularity)

    def wait_s(self, moment: Moment, now_s: float) -> float:
        """See `Pace`."""
        return self._schedule.wait_s(moment.at_s, now_s)

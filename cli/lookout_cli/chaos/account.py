"""What became of planted passes and their keys: pure, from what the topics hold.

A planted pass has a known match. It is owed an alert, exactly one, unless its shots' receipts say why it could have none:
too old when the system could look at them, expired with a keyring that was lost, or never sent whole.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lookout.events import Alert, ErasureReason

EXCUSES = frozenset(
    {
        ErasureReason.STALE,
        ErasureReason.EXPIRED,
        ErasureReason.UNUSED,
    }
)
"""Why a shot may have been seen by nobody. `REJECTED` is none: a planted shot is sound. Nor is `DEPLOYMENT_CLOSED`: it is open."""

NOT_SENT = "not_sent_whole"
NOT_CAPTURED = "not_captured"
IN_PART = "seen_in_part"
NOT_RECOGNISED = "not_recognised"
NO_TIME = "seen_too_shortly"


class Fate(StrEnum):
    """What became of a planted pass."""

    ALERTED = "alerted"
    SHED = "shed"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A face of a planted pass as it stands on a topic, and its key."""

    track_id: str
    camera_id: str
    key_id: str
    captured_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedPass:
    """One person's pass: whom it must be taken for, when, and how it came in.

    ``camera`` passes have no track of their own: theirs are all shots of the camera from ``begins`` to ``ends``, and ``frames``
    is how many images of them the camera gave.
    """

    pass_id: str
    entry_id: str
    camera_id: str
    begins: datetime
    ends: datetime
    frames: int = 0

    @property
    def from_camera(self) -> bool:
        """Whether it came in by a camera, rather than as shots."""
        return self.frames > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A pass, its fate, and why where it was not alerted. ``alerts`` are the ids of its alerts: more than one is a defect."""

    planted: PlantedPass
    fate: Fate
    reason: str = ""
    alerts: tuple[str, ...] = ()

    @property
    def doubled(self) -> int:
        """How many alerts it had too many."""
        return max(0, len(self.alerts) - 1)


@dataclass(slots=True)
class Seen:
    """What the topics held: alerts (first revisions), shots, frames by key, and the reason that each key ended for."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    shots: dict[str, Shot] = field(default_factory=dict)
    frames: dict[str, datetime] = field(default_factory=dict)
    ends: dict[str, ErasureReason] = field(default_factory=dict)

    def judge(self, planted: PlantedPass, confirm: int) -> Judged:
        """What became of a pass; ``confirm`` is how many shots must agree."""
        if planted.from_camera:
            return self._judge_camera(planted, confirm)
        alerts = [
            one.alert_id
            for one in self.alerts.values()
            if any(sighting.track_id == planted.pass_id for sighting in one.sightings[:1])
        ]
        shots = [shot for shot in self.shots.values() if shot.track_id == planted.pass_id]
        return self._judged(planted, alerts, shots, confirm, NOT_SENT)

    def unaccounted(self, keys: Iterable[str], alive: Mapping[str, bool]) -> int:
        """How many keys have no receipt and are not alive."""
        return sum(key not in self.ends and not alive.get(key, False) for key in keys)

    def _judge_camera(self, planted: PlantedPass, confirm: int) -> Judged:
        def within(at: datetime) -> bool:
            return planted.begins <= at <= planted.ends

        alerts = [
            one.alert_id
            for one in self.alerts.values()
            if one.entry_id == planted.entry_id
            and within(one.sightings[0].captured_at)
            and one.sightings[0].camera_id == planted.camera_id
        ]
        if alerts:
            return Judged(planted=planted, fate=Fate.ALERTED, alerts=tuple(sorted(alerts)))
        frames = [key for key, at in self.frames.items() if within(at)]
        shots = [
            shot
            for shot in self.shots.values()
            if shot.camera_id == planted.camera_id and within(shot.captured_at)
        ]
        why = self._unseen(frames, planted.frames) or self._unrecognised(shots, confirm)
        if why:
            return Judged(planted=planted, fate=Fate.SHED, reason=why)
        return self._judged(planted, [], shots, confirm, NO_TIME)

    def _unseen(self, frames: Sequence[str], shown: int) -> str:
        """Why a camera's pass was not seen, or not whole; empty where it was."""
        looked_at = sum(self.ends.get(key) not in EXCUSES for key in frames)
        if 2 * len(frames) < shown:
            return NOT_CAPTURED
        if 2 * looked_at < len(frames):
            return self._excuse(frames)
        return IN_PART if 5 * looked_at < 4 * shown else ""

    def _unrecognised(self, shots: Sequence[Shot], confirm: int) -> str:
        """Why nobody in a camera's shots was taken for the person meant: whose they were, no record tells."""
        ends = {self.ends.get(shot.key_id) for shot in shots}
        if ends & EXCUSES:
            return IN_PART
        compared = len(shots) >= confirm and ends == {ErasureReason.NO_MATCH}
        return NOT_RECOGNISED if compared else ""

    def _judged(
        self,
        planted: PlantedPass,
        alerts: Sequence[str],
        shots: Sequence[Shot],
        confirm: int,
        too_few: str,
    ) -> Judged:
        if alerts:
            return Judged(planted=planted, fate=Fate.ALERTED, alerts=tuple(sorted(alerts)))
        if len(shots) < confirm:
            return Judged(planted=planted, fate=Fate.SHED, reason=too_few)
        looked_at = [shot for shot in shots if self.ends.get(shot.key_id) not in EXCUSES]
        if len(looked_at) >= confirm:
            ends = Counter(str(self.ends.get(shot.key_id, "no receipt")) for shot in looked_at)
            return Judged(planted=planted, fate=Fate.LOST, reason=_told(ends))
        return Judged(
            planted=planted,
            fate=Fate.SHED,
            reason=self._excuse([shot.key_id for shot in shots]),
        )

    def _excuse(self, keys: Sequence[str]) -> str:
        reasons = Counter(str(end) for key in keys if (end := self.ends.get(key)) in EXCUSES)
        return reasons.most_common(1)[0][0] if reasons else ""


def _told(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))

"""Fault after fault on a stack under a steady load of planted passes, and what the topics say of each."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from lookout_cli.accounts import tally
from lookout_cli.chaos.account import Fate, Judged, PlantedPass, Seen
from lookout_cli.chaos.actions import Scene
from lookout_cli.chaos.faults import Fault
from lookout_cli.chaos.roster import Roster
from lookout_cli.chaos.watching import Watching

_LEAD_S: Final = 1.0
_TAIL_S: Final = 2.0
_RECOVER_WITHIN_S: Final = 120.0
_RUNS_WITHIN_S: Final = 30.0
_LOOK_S: Final = 0.1

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One try of one fault. Passes that begin from ``opens`` to ``closes`` are its own; ``recovered_at`` None: not in time."""

    fault: Fault
    opens: datetime
    ended_at: datetime
    recovered_at: datetime | None
    closes: datetime

    def holds(self, at: datetime) -> bool:
        """Whether a moment is this trial's."""
        return self.opens <= at < self.closes

    @property
    def recover_s(self) -> float | None:
        """Seconds from the fault's end to the first pass that alerts and the first frame looked at."""
        if self.recovered_at is None:
            return None
        return (self.recovered_at - self.ended_at).total_seconds()


@dataclass(slots=True, kw_only=True)
class Row:
    """A fault's line in the table, over all its tries."""

    fault: str
    tried: int = 0
    passes: int = 0
    alerted: int = 0
    shed: Counter[str] = field(default_factory=Counter)
    shed_after_recovery: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    doubled: int = 0
    wrongly_alerted: int = 0
    keys: int = 0
    unaccounted: int = 0
    recover_s: list[float] = field(default_factory=list)
    not_recovered: int = 0

    @property
    def broken(self) -> bool:
        """Whether an invariant did not hold."""
        return bool(
            self.lost.total()
            or self.doubled
            or self.wrongly_alerted
            or self.unaccounted
            or self.not_recovered
        )


def run_trials(
    scene: Scene, watching: Watching, faults: Sequence[Fault], *, times: int, say: Say
) -> tuple[Sequence[Trial], dict[str, str]]:
    """Try every fault ``times`` times, one after another; the trials, and why faults could not be had, by name."""
    trials: list[Trial] = []
    skipped: dict[str, str] = {}
    clock = scene.services.session.platform.clock
    opens = clock()
    for number in range(times):
        for fault in faults:
            why_not = fault.action.why_not(scene.ground)
            if why_not:
                skipped[fault.name] = why_not
                continue
            trial = _try(scene, watching, fault, opens)
            trials.append(trial)
            opens = trial.closes
            took = "not in time" if trial.recover_s is None else f"{trial.recover_s:.1f} s"
            say(f"{number + 1}/{times}  {fault.name}: recovered {took}")
    return trials, skipped


def _try(scene: Scene, watching: Watching, fault: Fault, opens: datetime) -> Trial:
    clock = scene.services.session.platform.clock
    time.sleep(_LEAD_S)
    _await(lambda: not scene.services.supervisor or not scene.services.supervisor.dead())
    fault.action.begin(scene)
    time.sleep(fault.lasts_s)
    ended_at = clock()
    fault.action.end(scene)
    _await(lambda: watching.recovered_at(ended_at) is not None, _RECOVER_WITHIN_S)
    time.sleep(_TAIL_S)
    return Trial(
        fault=fault,
        opens=opens,
        ended_at=ended_at,
        recovered_at=watching.recovered_at(ended_at),
        closes=clock(),
    )


def _await(holds: Callable[[], bool], within_s: float = _RUNS_WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(_LOOK_S)


def settle(scene: Scene, deployment_id: str, within_s: float) -> bool:
    """Wait until every key of the deployment has its receipt; whether that came."""
    platform = scene.services.session.platform

    def settled() -> bool:
        keys = tally(platform, deployment_id).keys
        return keys.alive == 0 and keys.pending == 0 and keys.unaccounted == 0

    _await(settled, within_s)
    return settled()


def rows_of(
    trials: Sequence[Trial],
    planted: Sequence[PlantedPass],
    seen: Seen,
    *,
    roster: Roster,
    confirm: int,
    alive: dict[str, bool],
) -> Sequence[Row]:
    """The table, in the order in which the faults were first tried."""
    rows: dict[str, Row] = {}
    for trial in trials:
        row = rows.setdefault(trial.fault.name, Row(fault=trial.fault.name))
        row.tried += 1
        if trial.recover_s is None:
            row.not_recovered += 1
        else:
            row.recover_s.append(trial.recover_s)
        for one in planted:
            if trial.holds(one.begins):
                _count(row, trial, seen.judge(one, confirm), roster)
        keys = [shot.key_id for shot in seen.shots.values() if trial.holds(shot.captured_at)]
        keys += [key for key, at in seen.frames.items() if trial.holds(at)]
        row.keys += len(keys)
        row.unaccounted += seen.unaccounted(keys, alive)
    return list(rows.values())


def _count(row: Row, trial: Trial, judged: Judged, roster: Roster) -> None:
    planted = judged.planted
    if roster.is_stranger(planted.entry_id, planted.begins):
        row.wrongly_alerted += judged.fate is Fate.ALERTED
        return
    row.passes += 1
    row.doubled += judged.doubled
    if judged.fate is Fate.ALERTED:
        row.alerted += 1
    elif judged.fate is Fate.SHED:
        row.shed[judged.reason] += 1
        up = trial.recovered_at is not None and planted.begins >= trial.recovered_at
        row.shed_after_recovery += up
    else:
        row.lost[judged.reason] += 1


def unexplained_alerts(seen: Seen, planted: Sequence[PlantedPass]) -> int:
    """Alerts that no planted pass explains. A camera's pass that is being shown as the run ends is not written down any more."""
    tracks = {one.pass_id for one in planted if not one.from_camera}
    shown = [one for one in planted if one.from_camera]
    found = 0
    for alert in seen.alerts.values():
        first = alert.sightings[0]
        of_entry = [one for one in shown if one.entry_id == alert.entry_id]
        explained = (
            first.track_id in tracks
            or any(one.begins <= first.captured_at <= one.ends for one in of_entry)
            or (bool(of_entry) and first.captured_at > of_entry[-1].ends)
        )
        found += not explained
    return found

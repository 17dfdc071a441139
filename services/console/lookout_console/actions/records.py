"""The deployment record: counts with intervals, outcomes, downtime. No personal data in any of it."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Final

from lookout_console.actions.alerts import Alerts, Raised
from lookout_console.actions.deployments import Deployments, Known, Taken
from lookout_console.actions.desk import Actor, Desk
from lookout_console.actions.frames import Frames, FrameTotals
from lookout_console.actions.watchlists import Watchlists
from lookout_console.domain.alerts import Adjudication, Disposal, Planted, Truth
from lookout_console.domain.deployments import Stage
from lookout_console.domain.intervals import one_in, rate
from lookout_console.domain.roles import Permission

CEILING: Final = 1e-3
"""False alerts per face that should in no event be exceeded (Bridges; domain row 23)."""


_REPORTED: Final = (
    "Time live",
    "Time stopped",
    "Faces seen",
    "Alerts",
    "Confirmed true",
    "Confirmed false",
    "False, not engaged",
    "False alerts per face seen",
    "False alerts per alert",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: what, how many, and the interval or note."""

    words: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Some lines under one title."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A deployment's record, ready for people."""

    title: str
    sections: tuple[Section, ...]
    warnings: tuple[str, ...]


class Records:
    """Makes records."""

    def __init__(
        self,
        desk: Desk,
        deployments: Deployments,
        watchlists: Watchlists,
        alerts: Alerts,
        frames: FrameTotals,
    ) -> None:
        self._desk, self._deployments, self._frames = desk, deployments, frames
        self._watchlists, self._alerts = watchlists, alerts

    def record(self, deployment_id: str) -> Record:
        """The record as of now."""
        known = self._deployments.get(deployment_id)
        taken = self._deployments.taken(deployment_id)
        raised = [one for one in self._alerts.all(deployment_id) if not one.test]
        public = [one for one in raised if not one.blue]
        listed = self._watchlists.overview(deployment_id).count
        accuracy, warnings = _accuracy(known.faces_seen, public)
        return Record(
            title=known.plan.title,
            sections=(
                _deployment(known, taken, listed, self._frames.of(deployment_id)),
                accuracy,
                _outcomes(public),
                _demographics(public),
                _blue(raised, self._alerts.planted(deployment_id)),
            ),
            warnings=warnings,
        )

    def above_ceiling(self, deployment_id: str) -> str:
        """Why the rate of false alerts is beyond doubt above the ceiling; empty where it is not.

        Beyond doubt: the whole 95 % interval lies above. One false alert among the first hundred faces is none.
        """
        faces = self._deployments.get(deployment_id).faces_seen
        false = sum(
            one.adjudication is Adjudication.FALSE_NOT_ENGAGED
            or (one.engagement is not None and one.engagement.truth is Truth.CONFIRMED_FALSE)
            for one in self._alerts.all(deployment_id)
            if not one.test and not one.blue
        )
        if not 0 < false <= faces:
            return ""
        found = rate(false, faces)
        if found.low <= CEILING:
            return ""
        return (
            f"{false} false alerts in {faces:,} faces: at least {one_in(found.low)}, "
            f"above the ceiling of {one_in(CEILING)}"
        )

    def year(self, year: int) -> Record:
        """The roll-up of all deployments that opened in a year and went live."""
        known = [
            one
            for one in self._deployments.all()
            if one.plan.opens_at.year == year and self._went_live(one.deployment_id)
        ]
        public = [
            raised
            for one in known
            for raised in self._alerts.all(one.deployment_id)
            if not raised.test and not raised.blue
        ]
        accuracy, warnings = _accuracy(sum(one.faces_seen for one in known), public)
        cases = Counter(one.plan.use_case for one in known)
        counted = Section(
            title="Deployments",
            rows=(
                Row(words="Deployments", value=str(len(known))),
                *(
                    Row(words=case.replace("_", " ").capitalize(), value=str(count))
                    for case, count in sorted(cases.items())
                ),
            ),
        )
        return Record(
            title=f"All deployments of {year}",
            sections=(counted, accuracy, _outcomes(public), _demographics(public)),
            warnings=warnings,
        )

    def drafted(self, deployment_id: str) -> str:
        """A report drafted from the log, for a person to correct and sign: a review, or why it was cancelled."""
        known = self._deployments.get(deployment_id)
        record = self.record(deployment_id)
        rows = {row.words: row for section in record.sections for row in section.rows}
        steps = [
            f"{one.at:%H:%M} {one.step.replace('_', ' ')}{': ' if one.reason else ''}{one.reason}"
            for one in self._deployments.taken(deployment_id)
        ]
        counts = [
            f"{name}: {rows[name].value}{f' ({rows[name].note})' if rows[name].note else ''}"
            for name in _REPORTED
        ]
        disposals = [
            f"{words}: {rows[words].value}"
            for words in (one.replace("_", " ").capitalize() for one in Disposal)
            if rows[words].value != "0"
        ]
        parts = [
            f"{known.plan.title}. {known.plan.location}.",
            "What was done:",
            *steps,
            "What was counted:",
            *counts,
            *(["Outcomes:", *disposals] if disposals else ["No outcome is recorded."]),
            *record.warnings,
            "What was learned: ",
        ]
        return "\n".join(parts)

    def _went_live(self, deployment_id: str) -> bool:
        return any(one.stage is Stage.LIVE for one in self._deployments.taken(deployment_id))

    def export_year(self, actor: Actor, year: int, form: str) -> Record:
        """The roll-up for an export, which is recorded as a disclosure."""
        self._desk.require(actor, Permission.EXPORT_RECORD)
        with self._desk.store.transaction() as connection:
            self._desk.record(connection, actor, "record.export", str(year), form)
        return self.year(year)

    def export(self, actor: Actor, deployment_id: str, form: str) -> Record:
        """The record for an export, which is recorded as a disclosure."""
        self._desk.require(actor, Permission.EXPORT_RECORD)
        with self._desk.store.transaction() as connection:
            self._desk.record(
                connection,
                actor,
                "record.export",
                deployment_id,
                form,
                deployment_id=deployment_id,
            )
        return self.record(deployment_id)


def as_csv(record: Record) -> str:
    """The record as CSV; a cell that a spreadsheet would run as a formula is quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["section", "what", "count", "interval and note"])
    for section in record.sections:
        for row in section.rows:
            writer.writerow(
                [_cell(text) for text in (section.title, row.words, row.value, row.note)]
            )
    return out.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _deployment(known: Known, taken: Sequence[Taken], listed: int, frames: Frames) -> Section:
    plan = known.plan
    live, stopped = _times(taken)
    return Section(
        title="The deployment",
        rows=(
            Row(words="Location", value=plan.location),
            Row(words="Use case", value=plan.use_case.replace("_", " ")),
            Row(words="Authorised from", value=f"{plan.opens_at:%Y-%m-%d %H:%M} UTC"),
            Row(words="Authorised until", value=f"{plan.closes_at:%Y-%m-%d %H:%M} UTC"),
            Row(words="Time live", value=_hours(live), note="to the last step recorded"),
            Row(
                words="Time stopped",
                value=_hours(stopped),
                note="between a stop and going live again",
            ),
            Row(words="People on the watchlist", value=f"{listed:,}", note="0 after the purge"),
            Row(words="Cameras", value=str(len(plan.cameras))),
            Row(words="Frames looked at", value=f"{frames.looked_at:,}"),
            Row(words="Frames shed", value=f"{frames.shed:,}", note=_shed_note(frames)),
            Row(words="Target false positive rate", value=one_in(plan.target_fpir)),
            Row(words="Verifiers per alert", value=str(plan.verifiers)),
        ),
    )


def _shed_note(frames: Frames) -> str:
    sealed = frames.looked_at + frames.shed
    if not frames.shed:
        return ""
    return f"too old when their turn came: {frames.shed / sealed:.1%} of those sealed"


def _accuracy(faces: int, public: Sequence[Raised]) -> tuple[Section, tuple[str, ...]]:
    truths = Counter(one.engagement.truth for one in public if one.engagement is not None)
    told = Counter(one.adjudication for one in public)
    false = told[Adjudication.FALSE_NOT_ENGAGED] + truths[Truth.CONFIRMED_FALSE]
    warnings: list[str] = []
    per_face = Row(
        words="False alerts per face seen", value="not known", note="no face was counted"
    )
    if faces >= max(false, 1):
        found = rate(false, faces)
        per_face = Row(
            words="False alerts per face seen",
            value=one_in(found.count / found.total),
            note=f"95 % interval: {one_in(found.low)} to {one_in(found.high)}",
        )
        if found.count / found.total > CEILING:
            warnings.append(
                "More than 1 false alert in 1,000 faces: the commander must decide whether to go on."
            )
    per_alert = Row(words="False alerts per alert", value="not known", note="no alert")
    if public:
        found = rate(false, len(public))
        per_alert = Row(
            words="False alerts per alert",
            value=f"{false} of {len(public)}",
            note=f"95 % interval: {found.low:.1%} to {found.high:.1%}",
        )
    rows = (
        Row(words="Faces seen", value=f"{faces:,}", note="approximate: one person may pass twice"),
        Row(words="Alerts", value=str(len(public))),
        Row(words="Viable after adjudication", value=str(told[Adjudication.VIABLE])),
        Row(words="False, not engaged", value=str(told[Adjudication.FALSE_NOT_ENGAGED])),
        Row(words="No decision", value=str(told[Adjudication.NO_DECISION])),
        Row(words="Expired", value=str(told[Adjudication.EXPIRED])),
        Row(words="Confirmed true", value=str(truths[Truth.CONFIRMED_TRUE])),
        Row(words="Confirmed false", value=str(truths[Truth.CONFIRMED_FALSE])),
        Row(words="Identity not established", value=str(truths[Truth.IDENTITY_NOT_ESTABLISHED])),
        Row(words="Not located", value=str(truths[Truth.NOT_LOCATED])),
        per_face,
        per_alert,
    )
    return Section(title="Faces and alerts", rows=rows), tuple(warnings)


def _outcomes(public: Sequence[Raised]) -> Section:
    counts = Counter(one.outcomes[-1].disposal for one in public if one.outcomes)
    minutes = sorted(
        one.engagement.minutes
        for one in public
        if one.engagement is not None and one.engagement.minutes is not None
    )
    stops = Row(
        words="Length of stops",
        value=f"{minutes[len(minutes) // 2]} min" if minutes else "none",
        note=f"median of {len(minutes)}; longest {minutes[-1]} min" if minutes else "",
    )
    rows = [
        Row(words=disposal.replace("_", " ").capitalize(), value=str(counts[disposal]))
        for disposal in Disposal
    ]
    return Section(title="Outcomes", rows=(*rows, stops))


def _demographics(public: Sequence[Raised]) -> Section:
    rows: list[Row] = []
    for words, of in (("Sex", "sex"), ("Ethnicity", "ethnicity"), ("Age", "age_band")):
        counts = Counter(
            getattr(one.outcomes[-1], of) or "not recorded" for one in public if one.outcomes
        )
        rows.extend(
            Row(words=f"{words}: {name.replace('_', ' ')}", value=str(count))
            for name, count in sorted(counts.items())
        )
    if not rows:
        rows.append(Row(words="Nobody was met", value="0"))
    note = "as described by the person; so few say nothing about any group"
    return Section(
        title="Demographics of people met",
        rows=tuple(Row(words=row.words, value=row.value, note=note) for row in rows),
    )


def _blue(raised: Sequence[Raised], planted: Planted) -> Section:
    blue = [one for one in raised if one.blue]
    taken = f"{planted.taken_in} of {planted.decided}" if planted.decided else "none decided"
    return Section(
        title="Volunteers and planted alerts",
        rows=(
            Row(
                words="Alerts of volunteers (blue list)",
                value=str(len(blue)),
                note="apart from all counts above",
            ),
            Row(
                words="Planted alerts, known to be false",
                value=str(planted.alerts),
                note="apart from all counts above",
            ),
            Row(words="Verdicts taken in by a planted alert", value=taken),
        ),
    )


def _times(taken: Sequence[Taken]) -> tuple[timedelta, timedelta]:
    live = stopped = timedelta()
    for one, after in pairwise(taken):
        if one.stage is Stage.LIVE:
            live += after.at - one.at
        elif one.stage is Stage.STOPPED:
            stopped += after.at - one.at
    return live, stopped


def _hours(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60} min"

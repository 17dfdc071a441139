"""A watchlist judged before it goes live: every picture's verdict, and who on it looks like whom. Nothing is enrolled."""

import base64
import html
from collections.abc import Iterable
from pathlib import Path

from lookout.enrolment.enrol import Enroller, EnrolReport, Outcome, Progress
from lookout.enrolment.person import Person
from lookout.enrolment.source import Row
from lookout.ids import entry_id as id_of
from lookout.sealing.ports import DataKey
from lookout.stream.ports import Clock
from lookout.vision.pack import LoadedPack

_NOWHERE = "check"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f2937; }
figure { display: inline-block; margin: 0 1rem 1rem 0; } img { height: 14rem; } table { border-collapse: collapse; }
td, th { padding: .3rem .8rem; border-bottom: 1px solid #d1d5db; text-align: left; vertical-align: top; }
"""


class CheckedList:
    """The outcome of a check; pictures are held in memory only."""

    def __init__(self, report: EnrolReport, people: dict[str, Person]) -> None:
        self.report = report
        self._people = people

    def as_json(self) -> dict[str, object]:
        """One object: verdicts by row, and pairs that look alike. No picture and no template."""
        report = self.report
        return {
            "pictures": len(report.verdicts),
            "people": len(report.entries),
            "refused": report.count(Outcome.REFUSED),
            "warned": report.count(Outcome.WARNING),
            "verdicts": [
                {
                    "place": one.place,
                    "reference": one.reference,
                    "outcome": str(one.outcome),
                    "reasons": list(one.reasons),
                }
                for one in report.verdicts
            ],
            "look_alike": [
                {"first": one.first, "second": one.second, "score": round(one.score, 4)}
                for one in report.collisions
            ],
        }

    def write_page(self, path: Path) -> None:
        """A page with the pictures of those who look alike side by side. It shows enrolled people: keep it as such."""
        pairs = "".join(
            f"<h2>{html.escape(one.first)} and {html.escape(one.second)}</h2>"
            f"{self._figure(one.first)}{self._figure(one.second)}"
            for one in self.report.collisions
        )
        rows = "".join(
            f"<tr><td>{html.escape(one.reference)}<td>{one.outcome}<td>{html.escape('; '.join(one.reasons))}</tr>"
            for one in self.report.verdicts
            if one.reasons
        )
        path.touch(mode=0o600)
        path.write_text(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Watchlist check</title><style>{_STYLE}</style>'
            f"<h1>Who looks like whom</h1>{pairs or '<p>Nobody looks like anybody else.</p>'}"
            f"<h1>Pictures to look at again</h1><table>{rows}</table></html>",
            encoding="utf-8",
        )

    def _figure(self, reference: str) -> str:
        person = self._people.get(id_of(_NOWHERE, reference))
        if person is None:
            return ""
        data = base64.b64encode(person.image_jpeg).decode()
        name = html.escape(reference)
        return f'<figure><img alt="{name}" src="data:image/jpeg;base64,{data}"><figcaption>{name}</figcaption></figure>'


def check_rows(
    loaded: LoadedPack,
    rows: Iterable[Row],
    *,
    lookalike_threshold: float,
    key: DataKey,
    clock: Clock,
    progress: Progress,
) -> CheckedList:
    """Judge rows as an enrolment would. ``key`` seals what is thrown away at once; a fresh one will do."""
    people: dict[str, Person] = {}
    enroller = Enroller(
        deployment_id=_NOWHERE,
        detector=loaded.detector(),
        refiner=loaded.refiner(),
        embedder=loaded.embedder(),
        template_points=loaded.pack.embedder.template_points,
        pack_sha256=loaded.pack.sha256,
        key=key,
        lookalike_threshold=lookalike_threshold,
        sign=lambda entry: entry,
        emit=lambda _entry: None,
        keep=people.__setitem__,
        now=clock,
    )
    return CheckedList(enroller.enrol(rows, progress=progress), people)

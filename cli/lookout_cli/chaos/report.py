"""The chaos table: for people at a terminal, as JSON, and as the page ``docs/chaos.md``."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from lookout_cli.chaos.trials import Row

COLUMNS: Final = (
    *("fault", "tried", "passes", "alerted", "shed", "lost", "doubled"),
    *("keys", "unaccounted", "recovery p50 s", "max s"),
)


_PAGE: Final = """# Faults

What happens to passes, keys and decisions when a part of Lookout breaks. Written by `lookout chaos --report`: one run on one machine,
and every figure from the topics alone.

{table}

{words}

## How to read it

- Every pass is of somebody whose match is known: invented people whose chips go straight to `faces` (or whose templates go to
  `embeddings`), one a second, and a person of the demonstration's street before a camera, every ten seconds.
- *Shed* passes had no alert, and their keys' receipts say why: `stale` (older than the freshness limit when the system could look at
  them), `expired` (the keyring was lost with the keys), `not_captured` (no camera was read at the time), `not_sent_whole` (the planter
  itself could not reach broker or keyring), `seen_in_part` (fewer than four in five of the camera's images were looked at, or not all shots),
  `seen_too_shortly` (fewer shots than confirmation needs), `not_recognised` (before the camera alone: every shot was compared, and
  none reached the threshold, as happens without any fault).
- *Lost* passes had no alert and no such reason. *Lost*, *doubled* and *unaccounted* must be 0.
- *Recovery* is counted from the end of the fault (of the kill, where it is over at once) to the first pass captured afterwards that
  alerts and the first camera image captured afterwards that is looked at, whichever is later. Passes come once a second.
- Qdrant runs inside matching (edge): there is no server of it here to be killed. What kills or freezes matching kills or freezes it, and
  its folder is the disk that is filled.
- On a *slow disk* every write of the part waits until it is on the disk, which does twenty a second.
- Clocks jump by libfaketime, which changes what a process is told of the time and not by which clock the kernel waits: after a clock was
  set back, the Kafka client that begins anew waits a minute for its own threads (ADR 25).
- Services are started again by the stack's supervisor after a second, and after longer and longer waits when they die again within a
  minute.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything a run found. ``skipped`` says of faults why they could not be had here."""

    rows: Sequence[Row]
    skipped: Mapping[str, str]
    decisions_made: int
    decisions_found: int
    dead_letters: Mapping[str, int]
    unexplained_alerts: int
    keys_issued: int
    keys_unaccounted: int
    chain_unbroken: bool
    settled: bool
    seconds: float
    machine: Mapping[str, object]

    @property
    def holds(self) -> bool:
        """Whether every invariant held in every trial and over all."""
        return (
            not any(row.broken for row in self.rows)
            and self.decisions_found == self.decisions_made
            and not self.unexplained_alerts
            and not self.keys_unaccounted
            and self.chain_unbroken
            and self.settled
        )

    def content(self) -> dict[str, object]:
        """One object for machines."""
        return {
            "holds": self.holds,
            "faults": [_plain(row) for row in self.rows],
            "skipped": dict(self.skipped),
            "passes": sum(row.passes for row in self.rows),
            "alerted": sum(row.alerted for row in self.rows),
            "shed": dict(sum((row.shed for row in self.rows), Counter())),
            "lost": sum(row.lost.total() for row in self.rows),
            "doubled": sum(row.doubled for row in self.rows),
            "wrongly_alerted": sum(row.wrongly_alerted for row in self.rows),
            "unexplained_alerts": self.unexplained_alerts,
            "decisions": {"made": self.decisions_made, "found": self.decisions_found},
            "dead_letters": dict(self.dead_letters),
            "keys_issued": self.keys_issued,
            "unaccounted": self.keys_unaccounted,
            "chain_unbroken": self.chain_unbroken,
            "settled": self.settled,
            "seconds": round(self.seconds, 1),
            "machine": dict(self.machine),
        }


def table_of(outcome: Outcome) -> Table:
    """For a terminal."""
    table = Table(*COLUMNS)
    for row in outcome.rows:
        style = "red" if row.broken else None
        table.add_row(*_cells(row), style=style)
    return table


def page_of(outcome: Outcome) -> str:
    """The Markdown page."""
    table = [
        "| " + " | ".join(COLUMNS) + " |",
        "|---|" + "--:|" * 3 + "---|---|" + "--:|" * (len(COLUMNS) - 6),
        *("| " + " | ".join(_cells(row)) + " |" for row in outcome.rows),
    ]
    return _PAGE.format(table="\n".join(table), words="\n".join(_words(outcome)))


def _words(outcome: Outcome) -> list[str]:
    content = outcome.content()
    total = (
        f"Over all: {content['passes']} passes planted, {content['alerted']} alerted, {content['lost']} lost,"
        f" {content['doubled']} alerted twice, {content['wrongly_alerted']} strangers or withdrawn people alerted,"
        f" {outcome.unexplained_alerts} alerts that nothing explains; {outcome.decisions_made} decisions made and"
        f" {outcome.decisions_found} of them on the topic; {outcome.keys_issued} key ids issued,"
        f" {outcome.keys_unaccounted} unaccounted; chain of receipts"
        f" {'unbroken' if outcome.chain_unbroken else 'BROKEN'}; {outcome.seconds / 60:.0f} minutes."
    )
    letters = ", ".join(f"{topic} {count}" for topic, count in sorted(outcome.dead_letters.items()))
    machine = ", ".join(f"{name} {value}" for name, value in outcome.machine.items())
    skipped = [f"- {name}: {why}" for name, why in outcome.skipped.items()]
    return [
        total,
        "",
        f"Dead letters, by the topic they came from: {letters or 'none'}. Machine: {machine}.",
        *(["", "Not tried here:", "", *skipped] if skipped else []),
    ]


def _cells(row: Row) -> list[str]:
    shed = ", ".join(f"{count} {why}" for why, count in sorted(row.shed.items()))
    lost = ", ".join(f"{count} ({why})" for why, count in sorted(row.lost.items()))
    wrong = f" + {row.wrongly_alerted} wrongly" if row.wrongly_alerted else ""
    p50 = f"{statistics.median(row.recover_s):.1f}" if row.recover_s else "-"
    most = f"{max(row.recover_s):.1f}" if row.recover_s else "-"
    late = f" ({row.not_recovered} never)" if row.not_recovered else ""
    return [
        row.fault,
        str(row.tried),
        str(row.passes),
        str(row.alerted) + wrong,
        shed or "0",
        lost or "0",
        str(row.doubled),
        str(row.keys),
        str(row.unaccounted),
        p50,
        most + late,
    ]


def _plain(row: Row) -> dict[str, object]:
    return {
        "fault": row.fault,
        "tried": row.tried,
        "passes": row.passes,
        "alerted": row.alerted,
        "shed": dict(row.shed),
        "shed_after_recovery": row.shed_after_recovery,
        "lost": dict(row.lost),
        "doubled": row.doubled,
        "wrongly_alerted": row.wrongly_alerted,
        "keys": row.keys,
        "unaccounted": row.unaccounted,
        "recover_s": [round(one, 2) for one in row.recover_s],
        "not_recovered": row.not_recovered,
    }

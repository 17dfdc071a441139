"""A steady load for a long time, in little memory: does anything grow?"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from lookout_cli.bench.stack_run import BenchStack, Reading
from lookout_cli.local.control_groups import Limit, NoLimitError, limited
from lookout_cli.soak.trends import KINDS, Trend, trends

LIMITS_MB: Mapping[str, int] = {
    "capture": 512,
    "detection": 512,
    "embedding": 384,
    "matching": 384,
    "alerting": 256,
    "keeper": 256,
}
"""Half of what the chart allows each service, or less: who leaks is ended within the hour."""

EVERY_S = 30.0
_SETTLED_AFTER = 1 / 6
"""Of the time held: what fills in the beginning is not counted."""

Say = Callable[[str], None]
Told = Callable[[Reading], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a steady load did.

    Attributes:
        not_limited: why no memory limit was in force; empty where it was.
        restarts: of every service, after the load began. One that ran into its limit was started again.
    """

    cameras: int
    seconds: float
    readings: Sequence[Reading]
    trends: Mapping[str, Mapping[str, Trend]]
    not_limited: str
    restarts: Mapping[str, int]

    @property
    def shed(self) -> float:
        """Share of the images that nobody looked at, over all."""
        return sum(reading.shed for reading in self.readings) / len(self.readings)

    def as_json(self) -> dict[str, object]:
        """For the report."""
        p95 = [one.alert_s.p95 for one in self.readings if one.alert_s.p95 is not None]
        return {
            "cameras": self.cameras,
            "seconds": round(self.seconds),
            "shed": round(self.shed, 4),
            "alerts": sum(reading.alert_s.n for reading in self.readings),
            "worst_alert_p95_s": max(p95, default=None),
            "limits_mb": {} if self.not_limited else dict(LIMITS_MB),
            "not_limited": self.not_limited,
            "restarts": dict(self.restarts),
            "trends": {
                kind: {name: trend.as_json() for name, trend in by_name.items()}
                for kind, by_name in self.trends.items()
            },
        }

    def page(self, machine: str) -> str:
        """A Markdown page."""
        content = self.as_json()
        rows = [
            f"| {name} | " + " | ".join(self.cell(kind, name) for kind in KINDS) + " |"
            for name in self.trends["resident_mb"]
        ]
        limits = self.not_limited or ", ".join(f"{name} {mb}" for name, mb in LIMITS_MB.items())
        return "\n".join(
            (
                "# A steady load",
                "",
                (
                    f"Written by `lookout soak --hold --report`: {self.cameras} cameras at 10 images a second for"
                    f" {self.seconds / 60:.0f} minutes; a reading every {EVERY_S:.0f} s, lines through those after the first"
                    f" {_SETTLED_AFTER * self.seconds / 60:.0f} minutes, by least squares with the slope's standard error."
                ),
                "",
                "| process | " + " | ".join(KINDS.values()) + " |",
                "|---|" + "---|" * len(KINDS),
                *rows,
                "",
                (
                    f"Memory limits, MiB: {limits}. {100 * self.shed:.2f} % of the images shed; {content['alerts']} alerts, the"
                    f" worst p95 of a reading {content['worst_alert_p95_s']} s; started again: "
                    f"{', '.join(f'{name} {count}' for name, count in self.restarts.items() if count) or 'none'}. {machine}"
                ),
                "",
            )
        )

    def cell(self, kind: str, name: str) -> str:
        """The trend of one kind and process in words; a dash where there is none."""
        trend = self.trends[kind].get(name)
        return "-" if trend is None else trend.in_words()


def hold(stack: BenchStack, *, cameras: int, seconds: float, say: Say, told: Told) -> Held:
    """Hold a load on a running stack, each service within its memory limit where the system has one. Blocks.

    Raises:
        StackError: no frame came through in time, or a process is gone.
        ValueError: too short for a trend.
    """
    readings: list[Reading] = []
    not_limited, before = "", dict[str, int]()
    with ExitStack() as limits:
        for reading in stack.hold(cameras, seconds, EVERY_S):
            if not readings:
                # Not earlier: capture was started anew for this load.
                before = dict(stack.restarts())
                not_limited = _limit(limits, stack, say)
            readings.append(reading)
            told(reading)
        after = stack.restarts()
    lasted = readings[-1].after_s
    return Held(
        cameras=cameras,
        seconds=lasted,
        readings=readings,
        trends=trends(readings, after_s=_SETTLED_AFTER * lasted),
        not_limited=not_limited,
        restarts={name: count - before[name] for name, count in after.items()},
    )


def _limit(limits: ExitStack, stack: BenchStack, say: Say) -> str:
    """Put the limits in force; why that is impossible, or nothing."""
    try:
        pids = stack.pids()
        for name, mib in LIMITS_MB.items():
            limits.enter_context(limited(name, pids[name], Limit.of_memory(mib)))
    except NoLimitError as error:
        say(f"no memory limits: {error}")
        return str(error)
    return ""

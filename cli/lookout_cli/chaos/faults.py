"""The faults, as data: what is done, to whom, and for how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lookout.events import Erasure, Face, Match

from lookout_cli.chaos.actions import (
    GROUP_OF,
    Action,
    ChangeWatchlist,
    ClockJump,
    Disturb,
    FillDisk,
    Freeze,
    Kill,
    Nothing,
    Poison,
    RebalanceStorm,
    RefuseWrites,
    Restart,
    SlowDisk,
)
from lookout_cli.chaos.ground import BROKER, KEYRING
from lookout_cli.chaos.proxy import Wire
from lookout_cli.stack.services import STARTING_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A row of the table. ``lasts_s`` is the time between its beginning and its end."""

    name: str
    action: Action
    lasts_s: float = 0.0


_PARTS: Final = (*STARTING_ORDER, BROKER, KEYRING)
_DOWN_S: Final = 3.0
_WRONG_S: Final = 6.0
# Longer than the session of a group: a frozen member is given up, and comes back as a stranger.
_FROZEN_S: Final = 8.0
# Of a disk that others are busy with: each write takes 50 ms.
_WRITES: Final = 20


def _faults() -> Sequence[Fault]:
    down: Mapping[str, float] = {BROKER: _DOWN_S, KEYRING: _DOWN_S}
    return [
        Fault(name="none", action=Nothing(), lasts_s=_WRONG_S),
        *[Fault(name=f"kill -9 {p}", action=Kill(p), lasts_s=down.get(p, 0)) for p in _PARTS],
        *[Fault(name=f"freeze {p}", action=Freeze(p), lasts_s=_FROZEN_S) for p in _PARTS],
        *[Fault(name=f"restart {p}", action=Restart(p), lasts_s=down.get(p, 0)) for p in _PARTS],
        Fault(name="full disk of broker", action=FillDisk(BROKER), lasts_s=_WRONG_S),
        Fault(name="full disk of matching", action=FillDisk("matching"), lasts_s=_WRONG_S),
        Fault(name="slow disk of broker", action=SlowDisk(BROKER, _WRITES), lasts_s=_WRONG_S),
        Fault(name="slow disk of matching", action=SlowDisk("matching", _WRITES), lasts_s=_WRONG_S),
        *[
            Fault(
                name=f"no writes of {kind.__name__} records",
                action=RefuseWrites(kind),
                lasts_s=_WRONG_S,
            )
            for kind in (Face, Match, Erasure)
        ],
        *[
            Fault(
                name=f"{service} to {to} {wire}",
                action=Disturb(service, to, wire),
                lasts_s=_WRONG_S,
            )
            for service, to, wire in (
                ("detection", BROKER, Wire.CUT),
                ("matching", BROKER, Wire.CUT),
                ("alerting", BROKER, Wire.CUT),
                ("detection", BROKER, Wire.SILENT),
                ("matching", BROKER, Wire.SILENT),
                ("alerting", BROKER, Wire.SILENT),
                ("matching", BROKER, Wire.SLOW),
                ("detection", KEYRING, Wire.CUT),
                ("matching", KEYRING, Wire.SILENT),
                ("matching", KEYRING, Wire.SLOW),
            )
        ],
        *[
            Fault(
                name=f"clock of {service} {by_s:+d} s",
                action=ClockJump(service, by_s),
                lasts_s=_WRONG_S,
            )
            for service, by_s in (("matching", 3600), ("matching", -3600), ("capture", 3600))
        ],
        *[
            Fault(name=f"rebalance storm of {service}", action=RebalanceStorm(service))
            for service in GROUP_OF
        ],
        Fault(name="poison on every topic", action=Poison()),
        Fault(
            name="watchlist changes, matching killed",
            action=ChangeWatchlist(Kill("matching")),
        ),
        Fault(
            name="watchlist changes, matching frozen",
            action=ChangeWatchlist(Freeze("matching")),
            lasts_s=_FROZEN_S,
        ),
    ]


FAULTS: Final = tuple(_faults())

"""Everything a request stands on, and what runs beside the requests."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from starlette.requests import Request

from lookout_console.accounts.credentials import Credentials
from lookout_console.accounts.oidc import Provider
from lookout_console.accounts.register import Register
from lookout_console.actions.alerts import Alerts
from lookout_console.actions.checking import PreShift
from lookout_console.actions.deployments import Deployments, Known
from lookout_console.actions.desk import Desk
from lookout_console.actions.evidence import Evidence
from lookout_console.actions.frames import FrameTotals
from lookout_console.actions.records import Records
from lookout_console.actions.retention import Retention
from lookout_console.actions.shift import Banner, Shift, Statuses
from lookout_console.actions.watchlists import Watchlists
from lookout_console.notify.channels import Channels
from lookout_console.notify.push import Push
from lookout_console.notify.webhooks import Webhooks
from lookout_console.web.callers import Door
from lookout_console.web.hub import Hub
from lookout_console.web.rendering import Pages

_log = structlog.get_logger(__name__)
_TURN_S: Final = 0.5
CANARY_EVERY: Final = timedelta(minutes=3)


class Telling:
    """The desk's word of a change, passed to whoever keeps the pages live once there is one."""

    def __init__(self) -> None:
        self._told: Callable[[str, str, str], None] = lambda _kind, _deployment, _subject: None

    def to(self, told: Callable[[str, str, str], None]) -> None:
        """From now on, pass on to ``told``."""
        self._told = told

    def __call__(self, kind: str, deployment_id: str, subject: str) -> None:
        """A change was committed. What goes wrong in telling it undoes nothing."""
        try:
            self._told(kind, deployment_id, subject)
        except Exception as error:  # noqa: BLE001 - the change is committed; open pages catch up by themselves
            _log.error("change_not_told", kind=kind, error=type(error).__name__)


@dataclass(kw_only=True)
class Office:
    """The console's parts, put together in ``__main__`` and in tests."""

    desk: Desk
    deployments: Deployments
    watchlists: Watchlists
    alerts: Alerts
    shift: Shift
    records: Records
    frames: FrameTotals
    retention: Retention
    evidence: Evidence
    pre_shift: PreShift
    statuses: Statuses
    register: Register
    credentials: Credentials
    door: Door
    webhooks: Webhooks
    push: Push | None
    channels: Channels
    provider: Provider | None = None
    provider_name: str = ""
    local_accounts: bool = True
    canary_every: timedelta = CANARY_EVERY
    stops_above_ceiling: bool = False
    """By policy: whether too many false alerts stop a deployment by themselves."""
    last_check: str = ""
    """The last test alert that came to a page of the console."""
    pages: Pages = field(default_factory=Pages)
    hub: Hub = field(default_factory=Hub)
    beside: list[Callable[[], None]] = field(default_factory=list)
    """Called twice a second in a thread of its own: hard stops, expiry, the banner, canaries."""
    outward: list[Callable[[], object]] = field(default_factory=list)
    """Called twice a second in another thread, since receivers may be slow: webhooks, channels."""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def now(self) -> datetime:
        """The time."""
        return self.desk.clock()

    def banner(self, known: Known | None) -> Banner:
        """How the system is."""
        return self.statuses.banner(known, self.now())

    def start(self) -> None:
        """Begin what runs beside the requests."""
        self._stopping.clear()
        for name, turns in (("beside", self.beside), ("outward", self.outward)):
            thread = threading.Thread(
                target=self._run, args=(turns,), name=f"console-{name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End it; returns when it has ended."""
        self._stopping.set()
        while self._threads:
            self._threads.pop().join()

    def _run(self, turns: Sequence[Callable[[], object]]) -> None:
        while not self._stopping.wait(_TURN_S):
            for turn in turns:
                try:
                    turn()
                except Exception as error:  # noqa: BLE001 - one turn's trouble must not end the hard stop
                    _log.error("turn_failed", error=type(error).__name__)

    def shown(self, account_id: str) -> str:
        """The name of an account as others read it."""
        account = self.register.get(account_id)
        return account.shown if account is not None else account_id


def office_of(request: Request) -> Office:
    """The office that a request came to."""
    office: Any = request.app.state.office
    if not isinstance(office, Office):
        raise TypeError("the application has no office")
    return office

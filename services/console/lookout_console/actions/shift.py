"""A shift: whether the system runs, handsets and the proof that alerts reach them, words between van and street."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lookout.events import ServiceState, ServiceStatus
from sqlalchemy import ColumnElement, insert, select, update

from lookout_console.actions.deployments import Known
from lookout_console.actions.desk import Actor, Desk
from lookout_console.domain.deployments import Stage
from lookout_console.domain.errors import BadInputError, UnknownError
from lookout_console.domain.roles import Permission
from lookout_console.store.tables import handsets, messages

STALE_AFTER: Final = timedelta(seconds=5)
"""A service reports several times a second; one that has not for this long is not running."""
ONLINE_FOR: Final = timedelta(seconds=12)
NEEDED: Final = ("capture", "detection", "embedding", "matching", "alerting", "keeper")
_LAST_WORDS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """How the system is, for everybody to see: live, degraded or not running, the reason, and since when."""

    state: ServiceState
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLine:
    """How one service is. ``heard``: it has reported within the last seconds, whatever it said."""

    name: str
    state: ServiceState
    reason: str
    heard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Handset:
    """One officer's handset in a deployment."""

    account_id: str
    shown: str
    online: bool
    proven_at: datetime | None
    wiped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A message between van and street."""

    number: int
    shown: str
    words: str
    at: datetime


class Statuses:
    """The last word of every instance of every service. Safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[tuple[str, str], ServiceStatus] = {}
        self._banner: Banner | None = None

    def take(self, status: ServiceStatus) -> None:
        """Keep what an instance says of itself."""
        with self._lock:
            self._last[status.service, status.instance] = status

    def lines(self, now: datetime) -> tuple[ServiceLine, ...]:
        """Every needed service, each as its best instance is."""
        with self._lock:
            last = tuple(self._last.values())
        return tuple(
            _line(name, [one for one in last if one.service == name], now) for name in NEEDED
        )

    def banner(self, known: Known | None, now: datetime) -> Banner:
        """What the banner says; since when it says the same."""
        state, reason = _judged(known, self.lines(now))
        with self._lock:
            before = self._banner
            since = (
                before.since if before and (before.state, before.reason) == (state, reason) else now
            )
            self._banner = Banner(state=state, reason=reason, since=since)
            return self._banner


def _line(name: str, instances: Sequence[ServiceStatus], now: datetime) -> ServiceLine:
    fresh = [one for one in instances if now - one.reported_at <= STALE_AFTER]
    if not fresh:
        reason = "does not report any more" if instances else "has never reported"
        return ServiceLine(name=name, state=ServiceState.NOT_RUNNING, reason=reason, heard=False)
    order = [ServiceState.LIVE, ServiceState.DEGRADED, ServiceState.NOT_RUNNING]
    best = min(fresh, key=lambda one: order.index(one.state))
    return ServiceLine(name=name, state=best.state, reason=best.reason, heard=True)


def _judged(known: Known | None, lines: Sequence[ServiceLine]) -> tuple[ServiceState, str]:
    if known is None or known.stage is not Stage.LIVE:
        standing = (
            "There is no deployment." if known is None else f"The deployment is {known.stage}."
        )
        return ServiceState.NOT_RUNNING, f"{standing} Nothing is captured or matched."
    down = [line for line in lines if line.state is ServiceState.NOT_RUNNING]
    if down:
        return ServiceState.NOT_RUNNING, "; ".join(f"{one.name}: {one.reason}" for one in down)
    weak = [line for line in lines if line.state is ServiceState.DEGRADED]
    if weak:
        return ServiceState.DEGRADED, "; ".join(f"{one.name}: {one.reason}" for one in weak)
    return ServiceState.LIVE, "Every service answers, within the authorised window."


class Shift:
    """The actions on handsets and words."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def heard(self, actor: Actor, deployment_id: str) -> bool:
        """A handset's page is open; whether it may stay so. False: it was reported lost, and must wipe itself."""
        desk, now = self._desk, self._desk.clock()
        desk.require(actor, Permission.USE_HANDSET)
        mine = _mine(deployment_id, actor.account_id)
        with desk.store.transaction() as connection:
            row = connection.execute(select(handsets).where(*mine)).mappings().one_or_none()
            if row is None:
                connection.execute(
                    insert(handsets).values(
                        deployment_id=deployment_id,
                        account_id=actor.account_id,
                        shown=actor.shown,
                        heard_at=now,
                    )
                )
                return True
            if row["wiped_at"] is not None:
                return False
            connection.execute(update(handsets).where(*mine).values(heard_at=now))
            return True

    def proven(self, actor: Actor, deployment_id: str) -> None:
        """A canary came back: an alert would have reached this handset, and its answer the van."""
        self._desk.require(actor, Permission.USE_HANDSET)
        self._mark(deployment_id, actor.account_id, "proven_at")

    def wipe(self, actor: Actor, deployment_id: str, account_id: str, reason: str) -> None:
        """A handset is lost: it shows nothing more, and forgets what it shows as soon as it is reached."""
        desk = self._desk
        desk.require(actor, Permission.WIPE_HANDSET)
        if not reason.strip():
            raise BadInputError("A reason is needed: it is recorded with your name.")
        with desk.store.transaction() as connection:
            changed = connection.execute(
                update(handsets)
                .where(*_mine(deployment_id, account_id))
                .values(wiped_at=desk.clock())
            )
            if changed.rowcount != 1:
                raise UnknownError("This officer has no handset in this deployment.")
            desk.record(
                connection, actor, "handset.wipe", account_id, reason, deployment_id=deployment_id
            )
        desk.changed("wipe", deployment_id, account_id)

    def return_to_use(self, actor: Actor, deployment_id: str, account_id: str) -> None:
        """A wiped handset's officer has another device: they may use the handset page again."""
        desk = self._desk
        desk.require(actor, Permission.WIPE_HANDSET)
        with desk.store.transaction() as connection:
            connection.execute(
                update(handsets).where(*_mine(deployment_id, account_id)).values(wiped_at=None)
            )
            desk.record(
                connection, actor, "handset.return", account_id, deployment_id=deployment_id
            )

    def handsets(self, deployment_id: str) -> tuple[Handset, ...]:
        """Every handset of a deployment, by officer."""
        now = self._desk.clock()
        with self._desk.store.look() as connection:
            rows = connection.execute(
                select(handsets)
                .where(handsets.c.deployment_id == deployment_id)
                .order_by(handsets.c.shown)
            ).mappings()
            return tuple(
                Handset(
                    account_id=row["account_id"],
                    shown=row["shown"],
                    online=row["wiped_at"] is None and now - row["heard_at"] <= ONLINE_FOR,
                    proven_at=row["proven_at"],
                    wiped=row["wiped_at"] is not None,
                )
                for row in rows
            )

    def say(self, actor: Actor, deployment_id: str, words: str) -> int:
        """Send words to everybody on shift; the number of the message."""
        desk = self._desk
        desk.require(actor, Permission.SEND_MESSAGES)
        if not words.strip():
            raise BadInputError("The message is empty.")
        with desk.store.transaction() as connection:
            done = connection.execute(
                insert(messages).values(
                    deployment_id=deployment_id,
                    shown=actor.shown,
                    words=words.strip(),
                    at=desk.clock(),
                )
            )
            number = int((done.inserted_primary_key or (0,))[0])
            desk.record(connection, actor, "message.send", str(number), deployment_id=deployment_id)
        desk.changed("message", deployment_id, str(number))
        return number

    def words(self, deployment_id: str) -> tuple[Words, ...]:
        """The last messages, the oldest first."""
        with self._desk.store.look() as connection:
            rows = connection.execute(
                select(messages)
                .where(messages.c.deployment_id == deployment_id)
                .order_by(messages.c.number.desc())
                .limit(_LAST_WORDS)
            ).mappings()
            found = [
                Words(number=row["number"], shown=row["shown"], words=row["words"], at=row["at"])
                for row in rows
            ]
        return tuple(reversed(found))

    def _mark(self, deployment_id: str, account_id: str, column: str) -> None:
        with self._desk.store.transaction() as connection:
            connection.execute(
                update(handsets)
                .where(*_mine(deployment_id, account_id))
                .values({column: self._desk.clock()})
            )
        self._desk.changed("handset", deployment_id, account_id)


def _mine(deployment_id: str, account_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (handsets.c.deployment_id == deployment_id, handsets.c.account_id == account_id)

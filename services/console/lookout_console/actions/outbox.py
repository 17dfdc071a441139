"""Decisions on their way to the topic: written in the transaction of what they tell of, sent once that is committed.

So nothing is told that the store denies, and nothing that the store holds stays untold. Sent at least once, in order;
a decision has the same id each time.
"""

import threading
from typing import Final

import structlog
from lookout.events import Decision, DecisionKind
from lookout.stream.ports import StreamError
from sqlalchemy import Connection, RowMapping, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from lookout_console.actions.desk import Desk
from lookout_console.store.tables import decisions_out

_log = structlog.get_logger(__name__)
_MOST: Final = 200


class Outbox:
    """The outbox of decisions in the store. Several consoles on one store may send one twice, never none."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sending = threading.Lock()

    def put(self, connection: Connection, decision: Decision) -> None:
        """Have a decision sent after this transaction is committed."""
        connection.execute(
            insert(decisions_out).values(
                decision_id=decision.decision_id,
                deployment_id=decision.deployment_id,
                alert_id=decision.alert_id,
                kind=decision.kind,
                value=decision.value,
                reason=decision.reason,
                decided_by=decision.decided_by,
                decided_at=decision.decided_at,
            )
        )

    def send(self) -> int:
        """Send what waits, the oldest first; how many. Blocks for the broker, and raises what it and the store raise."""
        if not self._sending.acquire(blocking=False):
            return 0  # whoever sends now, or the next turn, has it
        try:
            return self._send()
        finally:
            self._sending.release()

    def send_now(self) -> None:
        """As `send`, right after a commit: what goes wrong undoes nothing, and is tried again by the next turn."""
        try:
            self.send()
        except (StreamError, SQLAlchemyError) as error:
            _log.warning("a decision waits to be sent", error=type(error).__name__)

    def turn(self) -> None:
        """As `send`, for what runs beside the requests."""
        self.send()

    def waiting(self) -> int:
        """How many are not known to be on the topic."""
        wanted = select(func.count()).where(decisions_out.c.sent_at.is_(None))
        with self._desk.store.look() as connection:
            return int(connection.execute(wanted).scalar_one())

    def _send(self) -> int:
        wanted = (
            select(decisions_out)
            .where(decisions_out.c.sent_at.is_(None))
            .order_by(decisions_out.c.number)
            .limit(_MOST)
        )
        with self._desk.store.look() as connection:
            rows = connection.execute(wanted).mappings().all()
        if not rows:
            return 0
        self._desk.control.publish_all([_decision_of(row) for row in rows])
        sent = [row["number"] for row in rows]
        with self._desk.store.transaction() as connection:
            connection.execute(
                update(decisions_out)
                .where(decisions_out.c.number.in_(sent))
                # The words are with what was decided, and on the topic: a third copy would be one more to forget.
                .values(sent_at=self._desk.clock(), reason="")
            )
        return len(rows)


def _decision_of(row: RowMapping) -> Decision:
    return Decision(
        deployment_id=row["deployment_id"],
        decision_id=row["decision_id"],
        alert_id=row["alert_id"],
        kind=DecisionKind(row["kind"]),
        value=row["value"],
        reason=row["reason"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )

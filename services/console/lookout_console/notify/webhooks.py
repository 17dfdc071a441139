"""Webhooks: written to an outbox in the store, sent from there until they are taken or given up."""

import ipaddress
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import httpx
from sqlalchemy import Engine, RowMapping, insert, select, update

from lookout_console.journal import Clock, Journal
from lookout_console.notify.signing import shown_secret, signed_headers, webhook_key
from lookout_console.notify.tables import webhook_deliveries, webhooks

MOST_TRIES: Final = 12
_FIRST_WAIT: Final = timedelta(seconds=2)
_LONGEST_WAIT: Final = timedelta(hours=1)
_TIMEOUT_S: Final = 5.0
_AT_ONCE: Final = 50


class WebhookRefusedError(Exception):
    """This address cannot be a webhook. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where events are sent. ``waiting`` and ``given_up`` count its deliveries."""

    webhook_id: str
    url: str
    label: str
    active: bool


def retry_at(tries: int, now: datetime) -> datetime | None:
    """When to try again after ``tries`` failed ones; None: given up after about four hours."""
    if tries >= MOST_TRIES:
        return None
    return now + min(_FIRST_WAIT * (1 << min(tries, 16)), _LONGEST_WAIT)


def check_url(url: str, *, loopback: bool) -> None:
    """Refuse what an event must not be sent to.

    Raises:
        WebhookRefusedError: not HTTPS, with a password in it, or an address inside the console's own machine.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise WebhookRefusedError("this is not an address") from error
    inside = host == "localhost" or _is_inside(host)
    if parts.username or parts.password or not host:
        raise WebhookRefusedError("an address has a host, and no name or password in it")
    if inside and not loopback:
        raise WebhookRefusedError("an address inside the console's own machine or link is refused")
    if parts.scheme != "https" and not (parts.scheme == "http" and inside):
        raise WebhookRefusedError("a webhook is sent by https only")


class Webhooks:
    """The outbox of webhooks. `enqueue` writes, `send_due` sends; both may run in several processes on PostgreSQL."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        journal: Journal,
        master: bytes,
        http: httpx.Client | None = None,
        loopback: bool = False,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._journal = journal
        self._master = master
        self._loopback = loopback
        # Redirects are not followed: the address that was approved is the one that is sent to.
        self._http = http or httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False)

    def add(self, *, url: str, label: str, by: str, reason: str) -> tuple[Webhook, str]:
        """A new webhook, and the secret that its receiver checks with, shown this once.

        Raises:
            WebhookRefusedError: the address cannot be one.
        """
        check_url(url, loopback=self._loopback)
        webhook = Webhook(webhook_id=str(uuid.uuid4()), url=url, label=label, active=True)
        with self._engine.begin() as connection:
            connection.execute(
                insert(webhooks).values(
                    webhook_id=webhook.webhook_id, url=url, label=label, made_by=by, active=True
                )
            )
            self._journal.record(
                connection,
                actor=by,
                action="webhook.made",
                subject=webhook.webhook_id,
                reason=reason,
            )
        return webhook, shown_secret(webhook_key(self._master, webhook.webhook_id))

    def end(self, webhook_id: str, *, by: str, reason: str) -> None:
        """Send nothing more there."""
        with self._engine.begin() as connection:
            connection.execute(
                update(webhooks).where(webhooks.c.webhook_id == webhook_id).values(active=False)
            )
            connection.execute(
                update(webhook_deliveries)
                .where(webhook_deliveries.c.webhook_id == webhook_id)
                .values(next_at=None)
            )
            self._journal.record(
                connection, actor=by, action="webhook.ended", subject=webhook_id, reason=reason
            )

    def all(self) -> tuple[Webhook, ...]:
        """Every webhook, by label."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(webhooks).order_by(webhooks.c.label)).mappings()
            return tuple(
                Webhook(
                    webhook_id=row["webhook_id"],
                    url=row["url"],
                    label=row["label"],
                    active=row["active"],
                )
                for row in rows
            )

    def enqueue(self, kind: str, event_id: str, facts: Mapping[str, str | int | bool]) -> None:
        """Have an event sent to every webhook, once each however often it is enqueued. ``facts`` names nobody."""
        if not any(one.active for one in self.all()):
            return  # nothing to write: an alert must not wait for whoever else writes
        now = self._clock()
        body = json.dumps(
            {"type": kind, "timestamp": now.isoformat(), "data": dict(facts)},
            ensure_ascii=False,
            sort_keys=True,
        ).encode()
        with self._engine.begin() as connection:
            active = connection.execute(
                select(webhooks.c.webhook_id).where(webhooks.c.active)
            ).scalars()
            for webhook_id in list(active):
                delivery_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{webhook_id} {kind} {event_id}"))
                known = connection.execute(
                    select(webhook_deliveries.c.delivery_id).where(
                        webhook_deliveries.c.delivery_id == delivery_id
                    )
                ).first()
                if known is None:
                    connection.execute(
                        insert(webhook_deliveries).values(
                            delivery_id=delivery_id,
                            webhook_id=webhook_id,
                            body=body,
                            tries=0,
                            next_at=now,
                            delivered_at=None,
                            trouble="",
                        )
                    )

    def send_due(self) -> int:
        """Send what is due now; how many were taken. Blocks for the receivers, at most 5 s each."""
        now = self._clock()
        with self._engine.connect() as connection:
            due = (
                connection.execute(
                    select(webhook_deliveries, webhooks.c.url)
                    .join(webhooks, webhooks.c.webhook_id == webhook_deliveries.c.webhook_id)
                    .where(webhook_deliveries.c.next_at <= now)
                    .order_by(webhook_deliveries.c.next_at)
                    .limit(_AT_ONCE)
                )
                .mappings()
                .all()
            )
        return sum(self._send(row) for row in due)

    def _send(self, row: RowMapping) -> bool:
        now = self._clock()
        key = webhook_key(self._master, row["webhook_id"])
        headers = signed_headers(key, event_id=row["delivery_id"], at=now, body=row["body"])
        try:
            answer = self._http.post(row["url"], content=row["body"], headers=headers)
            trouble = "" if answer.is_success else f"answered {answer.status_code}"
        except httpx.HTTPError as error:
            trouble = type(error).__name__
        tries = row["tries"] + 1
        with self._engine.begin() as connection:
            connection.execute(
                update(webhook_deliveries)
                .where(webhook_deliveries.c.delivery_id == row["delivery_id"])
                .values(
                    tries=tries,
                    next_at=retry_at(tries, now) if trouble else None,
                    delivered_at=None if trouble else now,
                    trouble=trouble,
                )
            )
        return not trouble


def _is_inside(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_link_local or address.is_unspecified

"""Webhooks against a real receiver on loopback: signed, retried with back-off, and of no use a second time."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from lookout_console.notify.signing import BadWebhookError, check, shown_secret, webhook_key
from lookout_console.notify.webhooks import (
    MOST_TRIES,
    Webhook,
    WebhookRefusedError,
    Webhooks,
    check_url,
    retry_at,
)
from lookout_console.store.columns import metadata
from sqlalchemy import create_engine
from support.console_accounts import START, Remembered, Told
from support.http_receiver import Receiver, http_receiver

MASTER = b"m" * 32


class Bureau:
    """An outbox, its clock, and one receiver's webhook."""

    def __init__(self, receiver: Receiver, folder: str) -> None:
        self.receiver = receiver
        self.clock = Told()
        self.engine = create_engine(f"sqlite:///{folder}/console.db")
        metadata.create_all(self.engine)
        self.webhooks = Webhooks(
            self.engine, clock=self.clock, journal=Remembered(), master=MASTER, loopback=True
        )
        self.webhook: Webhook
        self.webhook, self.secret = self.webhooks.add(
            url=f"{receiver.url}/events", label="case system", by="admin", reason="wanted"
        )
        self.key = webhook_key(MASTER, self.webhook.webhook_id)


@pytest.fixture(name="bureau")
def bureau_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    with http_receiver() as receiver:
        bureau = Bureau(receiver, str(tmp_path_factory.mktemp("store")))
        yield bureau
        bureau.engine.dispose()


def test_an_event_is_sent_once_however_often_it_is_told(bureau: Bureau) -> None:
    for _ in range(3):
        bureau.webhooks.enqueue("alert.raised", "alert-1", {"alert_id": "alert-1"})
    assert bureau.webhooks.send_due() == 1
    assert bureau.webhooks.send_due() == 0
    (received,) = bureau.receiver.received
    assert json.loads(received.body) == {
        "type": "alert.raised",
        "timestamp": START.isoformat(),
        "data": {"alert_id": "alert-1"},
    }


def test_what_arrives_is_signed_and_useless_when_altered_late_or_renamed(bureau: Bureau) -> None:
    bureau.webhooks.enqueue("alert.raised", "alert-1", {"alert_id": "alert-1"})
    bureau.webhooks.send_due()
    (received,) = bureau.receiver.received
    event_id = check(bureau.key, received.headers, received.body, now=START)
    assert event_id == received.headers["webhook-id"]
    with pytest.raises(BadWebhookError, match="signature"):
        check(bureau.key, received.headers, received.body + b" ", now=START)
    with pytest.raises(BadWebhookError, match="too old"):
        check(bureau.key, received.headers, received.body, now=START + timedelta(minutes=6))
    renamed = {**received.headers, "webhook-id": "another"}
    with pytest.raises(BadWebhookError, match="signature"):
        check(bureau.key, renamed, received.body, now=START)
    with pytest.raises(BadWebhookError, match="signature"):
        check(webhook_key(MASTER, "another webhook"), received.headers, received.body, now=START)


def test_a_replayed_webhook_carries_the_id_that_its_receiver_has_seen(bureau: Bureau) -> None:
    bureau.receiver.answers = [500]
    bureau.webhooks.enqueue("alert.raised", "alert-1", {"alert_id": "alert-1"})
    bureau.webhooks.send_due()
    bureau.clock.later(seconds=10)
    bureau.webhooks.send_due()
    first, second = bureau.receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


def test_a_receiver_that_is_away_is_tried_again_later_and_later(bureau: Bureau) -> None:
    bureau.receiver.answers = [503, 503]
    bureau.webhooks.enqueue("alert.raised", "alert-1", {"alert_id": "alert-1"})
    assert bureau.webhooks.send_due() == 0
    assert bureau.webhooks.send_due() == 0
    assert len(bureau.receiver.received) == 1
    bureau.clock.later(seconds=4)
    bureau.webhooks.send_due()
    bureau.clock.later(seconds=4)
    bureau.webhooks.send_due()
    assert len(bureau.receiver.received) == 2
    bureau.clock.later(seconds=4)
    assert bureau.webhooks.send_due() == 1


def test_a_receiver_that_stays_away_is_given_up(bureau: Bureau) -> None:
    waits = [retry_at(tries, START) for tries in range(1, MOST_TRIES + 1)]
    assert waits[-1] is None
    assert all(wait is not None for wait in waits[:-1])
    bureau.receiver.answers = [500] * 40
    bureau.webhooks.enqueue("alert.raised", "alert-1", {"alert_id": "alert-1"})
    for _ in range(20):
        bureau.webhooks.send_due()
        bureau.clock.later(hours=1)
    assert len(bureau.receiver.received) == MOST_TRIES


def test_a_redirect_is_not_followed(bureau: Bureau) -> None:
    bureau.receiver.answers = [307]
    bureau.webhooks.enqueue("alert.raised", "alert-1", {"alert_id": "alert-1"})
    assert bureau.webhooks.send_due() == 0
    assert [received.path for received in bureau.receiver.received] == ["/events"]


def test_an_ended_webhook_is_sent_nothing_more(bureau: Bureau) -> None:
    bureau.webhooks.enqueue("alert.raised", "alert-1", {"alert_id": "alert-1"})
    bureau.webhooks.end(bureau.webhook.webhook_id, by="admin", reason="no longer")
    bureau.webhooks.enqueue("alert.raised", "alert-2", {"alert_id": "alert-2"})
    assert bureau.webhooks.send_due() == 0
    assert bureau.receiver.received == []


def test_the_secret_is_shown_once_and_is_not_in_the_store(bureau: Bureau) -> None:
    assert bureau.secret == shown_secret(bureau.key)
    with bureau.engine.connect() as connection:
        rows = connection.exec_driver_sql("select * from webhooks").all()
    assert bureau.secret.removeprefix("whsec_") not in repr(rows)


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest",
        "https://0.0.0.0/",
        "https://name:word@receiver.example/",
        "ftp://receiver.example/",
        "https://",
        "https://receiver.example:port/",
    ],
)
def test_an_address_that_is_unsafe_is_no_webhook(url: str) -> None:
    with pytest.raises(WebhookRefusedError):
        check_url(url, loopback=False)


def test_an_address_of_another_machine_by_https_is_a_webhook() -> None:
    check_url("https://receiver.example/hooks?x=1", loopback=False)

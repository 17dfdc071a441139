"""The Faust application: what it is configured with, and why. Nothing here runs at import.

Faust creates no topic: the catalogue does, its changelog included. It serves no web page, elects no leader through a
topic, keeps no standby, and never commits by itself what was not acknowledged by hand.
"""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
from faust.types.auth import CredentialsT
from lookout.stream.kafka import KafkaBroker, KafkaSettings
from lookout.stream.ports import StreamError
from yarl import URL

from lookout_alerting.adapters.faust_consumer import seek_everywhere

TABLE = "entries"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaustNames:
    """Names that Faust derives, so that the catalogue can hold the topic it uses."""

    prefix: str

    @property
    def group(self) -> str:
        """The application's id, which is its consumer group."""
        return f"{self.prefix}alerting"

    @property
    def changelog(self) -> str:
        """The changelog of the table of rows, as Faust names it. Not configurable there."""
        return f"{self.group}-{TABLE}-changelog"


@dataclass(frozen=True, slots=True)
class FaustParts:
    """The application, and the table of rows: entry id to encoded row, both bytes."""

    app: faust.App
    table: Any  # a faust.Table, whose own annotations contradict what its stores do


class KeptTopic(faust.Topic):
    """A topic whose queue keeps what was put into it.

    Faust's own queue is emptied when the flow resumes after a table's recovery, behind the seek that brings again what was
    fetched before it: what comes between the two is lost (ADR 0007). Kept, such messages come twice at worst, and the
    second time changes nothing.
    """

    @property
    def queue(self) -> Any:
        """The queue between the consumer and the agent."""
        if self._queue is None:
            self._queue = self.app.FlowControlQueue(
                maxsize=self.app.conf.stream_buffer_maxsize, clear_on_resume=False
            )
        return self._queue


def build_app(
    settings: KafkaSettings,
    *,
    names: FaustNames,
    folder: Path,
    topic: str,
    partitions: int,
    consume: Callable[[Any], Awaitable[None]],
    on_error: Callable[[Any, BaseException], Awaitable[None]],
) -> FaustParts:
    """The application with its one agent on ``topic``. To be called inside the event loop that will run it.

    ``folder`` is for Faust's own use; nothing is kept there. ``on_error`` is awaited with the agent and what it raised.
    """
    app = faust.App(
        names.group,
        broker=[URL(f"kafka://{address.strip()}") for address in settings.bootstrap.split(",")],
        broker_credentials=credentials_of(settings),
        store="memory://",
        datadir=folder,
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        # A killed worker's partitions move on after the session, not after Faust's default minute.
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        # Nor do the living wait Faust's default minute for a member that never comes back to join.
        broker_rebalance_timeout=15.0,
        broker_commit_interval=1.0,
        broker_request_timeout=settings.request_timeout_s,
        producer_acks=-1,
        producer_request_timeout=settings.request_timeout_s,
        stream_buffer_maxsize=64,
        # A match in hand when partitions move is decided again by their next owner, to the same alert: nothing to wait
        # for, and waiting while the keyring is away would cost the membership.
        stream_wait_empty=False,
    )
    seek_everywhere(app)
    matches = KeptTopic(
        app,
        topics=[topic],
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )
    table = app.Table(TABLE, key_type=bytes, value_type=bytes, partitions=partitions)
    # Made by hand, as app.agent() does it, because that one allows no other error handler than Faust's own, which commits.
    agent = faust.Agent(
        consume, app=app, name="matches", channel=matches, concurrency=1, on_error=on_error
    )
    app.agents[agent.name] = agent
    return FaustParts(app, table)


def require_topics(settings: KafkaSettings, names: FaustNames, topic: str) -> None:
    """Raise `StreamError` if a topic is missing, or the changelog has not as many partitions as ``topic``. Blocks."""
    broker = KafkaBroker(settings)
    counts = {one: len(broker.watermarks(one)) for one in (topic, names.changelog)}
    if len(set(counts.values())) > 1:
        raise StreamError(f"these need the same number of partitions, got {counts}")


def credentials_of(settings: KafkaSettings) -> CredentialsT | None:
    """How Faust is let in, from the settings that every client shares; None for a cluster without security."""
    protocol = settings.security_protocol
    context = _tls(settings) if protocol in ("SSL", "SASL_SSL") else None
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            mechanism=settings.sasl_mechanism,
            username=settings.sasl_username,
            password=settings.sasl_password,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cafile=None if settings.ca_file is None else str(settings.ca_file)
    )
    if settings.certificate_file is not None:
        context.load_cert_chain(settings.certificate_file, settings.key_file)
    return context

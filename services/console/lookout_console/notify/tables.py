"""What waits to be told, and to whom."""

from typing import Final

from sqlalchemy import Boolean, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from lookout_console.store.columns import Instant, metadata

webhooks: Final = Table(
    "webhooks",
    metadata,
    Column("webhook_id", String(64), primary_key=True),
    Column("url", String(2000), nullable=False),
    Column("label", String(240), nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("active", Boolean, nullable=False),
)

webhook_deliveries: Final = Table(
    "webhook_deliveries",
    metadata,
    Column("delivery_id", String(64), primary_key=True),
    Column("webhook_id", String(64), ForeignKey("webhooks.webhook_id"), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", Instant, nullable=True, index=True),
    Column("delivered_at", Instant, nullable=True),
    Column("trouble", Text, nullable=False),
)

push_subscriptions: Final = Table(
    "push_subscriptions",
    metadata,
    Column("endpoint", String(2000), primary_key=True),
    Column("account_id", String(64), nullable=False, index=True),
)

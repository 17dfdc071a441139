"""The tables of accounts. Secrets are kept as hashes only: argon2 for what people choose, SHA-256 for what is random."""

from typing import Final

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, String, Table, UniqueConstraint

from lookout_console.store.columns import Instant, metadata

accounts: Final = Table(
    "accounts",
    metadata,
    Column("account_id", String(64), primary_key=True),
    Column("name", String(240), nullable=False, unique=True),
    Column("shown", String(240), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("password_hash", String(255), nullable=True),
    Column("issuer", String(255), nullable=True),
    Column("subject", String(255), nullable=True),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("failures", Integer, nullable=False, default=0),
    Column("locked_until", Instant, nullable=True),
    UniqueConstraint("issuer", "subject", name="uq_accounts_issuer_subject"),
)

sessions: Final = Table(
    "sessions",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

sign_in_links: Final = Table(
    "sign_in_links",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.account_id"), nullable=False),
    Column("expires_at", Instant, nullable=False),
)

tokens: Final = Table(
    "tokens",
    metadata,
    Column("token_id", String(64), primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("label", String(240), nullable=False),
    Column("role", String(64), nullable=False),
    Column("made_by", String(64), ForeignKey("accounts.account_id"), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked", Boolean, nullable=False, default=False),
    Column("used_at", Instant, nullable=True),
)

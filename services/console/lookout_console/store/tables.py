"""The tables of the console's work. Names, reasons and pictures of people stand only in columns called ``sealed``."""

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from lookout_console.store.columns import Instant, metadata

_ID = String(64)
_WORD = String(64)


def _who(name: str) -> Column[str]:
    return Column(name, _ID, nullable=False, default="", server_default="")


deployments: Final = Table(
    "deployments",
    metadata,
    Column("deployment_id", _ID, primary_key=True),
    Column("title", String(240), nullable=False),
    Column("stage", _WORD, nullable=False, index=True),
    Column("use_case", _WORD, nullable=False),
    Column("location", String(400), nullable=False),
    Column("rationale", Text, nullable=False),
    Column("opens_at", Instant, nullable=False),
    Column("closes_at", Instant, nullable=False),
    Column("cameras", JSON, nullable=False),
    Column("target_fpir", Float, nullable=False),
    Column("verifiers", Integer, nullable=False),
    _who("drafted_by"),
    _who("applied_by"),
    _who("frozen_by"),
    Column("frozen_hash", _ID, nullable=False, default=""),
    Column("signed_hash", _ID, nullable=False, default=""),
    _who("authorised_by"),
    Column("authority", Text, nullable=False, default=""),
    Column("review", Text, nullable=False, default=""),
    Column("faces_seen", Integer, nullable=False, default=0),
    Column("evidence_kept", _WORD, nullable=False, default="31_days"),
    Column("list_hash", _ID, nullable=False, default=""),
    _who("told"),
    Column("over_at", Instant, nullable=True),
    Column("people_purged_at", Instant, nullable=True),
    Column("made_at", Instant, nullable=False),
)

steps: Final = Table(
    "steps",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column(
        "deployment_id", _ID, ForeignKey("deployments.deployment_id"), nullable=False, index=True
    ),
    Column("step", _WORD, nullable=False),
    Column("stage", _WORD, nullable=False),
    Column("by", _ID, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

entries: Final = Table(
    "entries",
    metadata,
    Column("entry_id", _ID, primary_key=True),
    Column(
        "deployment_id", _ID, ForeignKey("deployments.deployment_id"), nullable=False, index=True
    ),
    Column("category", _WORD, nullable=False),
    Column("response", _WORD, nullable=False),
    Column("blue", Boolean, nullable=False),
    Column("needs_authority", Boolean, nullable=False),
    Column("withdrawn_at", Instant, nullable=True),
    Column("content", _ID, nullable=False),
    Column("pack_sha256", _ID, nullable=False),
    Column("templates", LargeBinary, nullable=False),
    Column("published", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

collisions: Final = Table(
    "collisions",
    metadata,
    Column("deployment_id", _ID, nullable=False, index=True),
    Column("first", String(240), nullable=False),
    Column("second", String(240), nullable=False),
    UniqueConstraint("deployment_id", "first", "second", name="uq_collisions"),
)

imports: Final = Table(
    "imports",
    metadata,
    Column("import_id", _ID, primary_key=True),
    Column("deployment_id", _ID, nullable=False, index=True),
    Column("file", String(240), nullable=False),
    Column("file_sha256", _ID, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("trouble", Text, nullable=False),
    Column("by", _ID, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=True),
)

verdicts: Final = Table(
    "verdicts",
    metadata,
    Column("import_id", _ID, ForeignKey("imports.import_id"), primary_key=True),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("reference", String(240), nullable=False),
    Column("outcome", _WORD, nullable=False),
    Column("why", Text, nullable=False),
)

ledger: Final = Table(
    "ledger",
    metadata,
    Column("who", _ID, primary_key=True),
    Column("deployment_id", _ID, primary_key=True),
    Column("category", _WORD, nullable=False),
    Column("basis", String(400), nullable=False),
    Column("listed_at", Instant, nullable=False),
)

alerts: Final = Table(
    "alerts",
    metadata,
    Column("alert_id", _ID, primary_key=True),
    Column(
        "deployment_id", _ID, ForeignKey("deployments.deployment_id"), nullable=False, index=True
    ),
    Column("entry_id", _ID, nullable=False),
    Column("category", _WORD, nullable=False),
    Column("response", _WORD, nullable=False),
    Column("blue", Boolean, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("demonstration", Boolean, nullable=False),
    Column("camera", String(120), nullable=False),
    Column("captured_at", Instant, nullable=False),
    Column("alerted_at", Instant, nullable=False, index=True),
    Column("score", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("cameras", JSON, nullable=False),
    Column("seeded", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=True),
    Column("sealed_under", String(120), nullable=False, default=""),
    Column("held_by", _ID, nullable=False, default=""),
    Column("held_reason", Text, nullable=False, default=""),
    Column("claimed_by", _ID, nullable=True),
    Column("claimed_shown", String(240), nullable=False, default=""),
    Column("claimed_at", Instant, nullable=True),
)

verifications: Final = Table(
    "verifications",
    metadata,
    Column("alert_id", _ID, ForeignKey("alerts.alert_id"), primary_key=True),
    Column("by", _ID, primary_key=True),
    Column("verdict", _WORD, nullable=False),
    Column("factors", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

engagements: Final = Table(
    "engagements",
    metadata,
    Column("alert_id", _ID, ForeignKey("alerts.alert_id"), primary_key=True),
    Column("truth", _WORD, nullable=False),
    Column("identity_by", _WORD, nullable=False),
    Column("minutes", Integer, nullable=True),
    Column("by", _ID, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

outcomes: Final = Table(
    "outcomes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("alert_id", _ID, ForeignKey("alerts.alert_id"), nullable=False, index=True),
    Column("disposal", _WORD, nullable=False),
    Column("sex", _WORD, nullable=False),
    Column("ethnicity", _WORD, nullable=False),
    Column("age_band", _WORD, nullable=False),
    Column("by", _ID, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

decisions_out: Final = Table(
    "decisions_out",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("decision_id", _ID, nullable=False, unique=True),
    Column("deployment_id", _ID, nullable=False),
    Column("alert_id", _ID, nullable=False),
    Column("kind", _WORD, nullable=False),
    Column("value", String(240), nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", _ID, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("sent_at", Instant, nullable=True, index=True),
)

deliveries: Final = Table(
    "deliveries",
    metadata,
    Column("alert_id", _ID, ForeignKey("alerts.alert_id"), primary_key=True),
    Column("account_id", _ID, primary_key=True),
    Column("delivered_at", Instant, nullable=False),
    Column("answer", _WORD, nullable=False),
    Column("answered_at", Instant, nullable=True),
)

handsets: Final = Table(
    "handsets",
    metadata,
    Column("deployment_id", _ID, primary_key=True),
    Column("account_id", _ID, primary_key=True),
    Column("shown", String(240), nullable=False),
    Column("heard_at", Instant, nullable=False),
    Column("proven_at", Instant, nullable=True),
    Column("checked_at", Instant, nullable=True),
    Column("wiped_at", Instant, nullable=True),
)

messages: Final = Table(
    "messages",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("deployment_id", _ID, nullable=False, index=True),
    Column("shown", String(240), nullable=False),
    Column("words", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

audit: Final = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("deployment_id", _ID, nullable=False),
    Column("actor", _ID, nullable=False, index=True),
    Column("action", _WORD, nullable=False, index=True),
    Column("subject", String(240), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("previous_hash", _ID, nullable=False),
    Column("entry_hash", _ID, nullable=False),
)

audit_head: Final = Table(
    "audit_head",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("sequence", Integer, nullable=False),
    Column("entry_hash", _ID, nullable=False),
)

audit_published: Final = Table(
    "audit_published",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("sequence", Integer, nullable=False),
)

certificates: Final = Table(
    "certificates",
    metadata,
    Column("deployment_id", _ID, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("state", _WORD, nullable=False),
    Column("purged_at", Instant, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("keys_issued", Integer, nullable=False),
    Column("keys_held", Integer, nullable=False),
    Column("missing", JSON, nullable=False),
    Column("signer", String(120), nullable=False),
)

passes: Final = Table(
    "passes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column(
        "deployment_id", _ID, ForeignKey("deployments.deployment_id"), nullable=False, index=True
    ),
    Column("entry_id", _ID, nullable=False),
    Column("camera", String(120), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", _ID, nullable=False),
)

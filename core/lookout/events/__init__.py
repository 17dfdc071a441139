"""Every record that travels between services, as a frozen dataclass.

One class per Avro record under ``schemas/avro``; a conformance test holds the two together. Times are
timezone-aware UTC datetimes at microsecond precision. Ids of events are deterministic (``lookout.ids``), ids of
keys never are. What is biometric travels as `Sealed`, and only so.
"""

from lookout.events.accounts import (
    AuditEntry,
    DeadLetter,
    DeletedRecords,
    EndedKeys,
    Erasure,
    Issued,
    PurgeCertificate,
    PurgeState,
    Receipt,
    Receipts,
)
from lookout.events.control import (
    Deployment,
    ServiceStatus,
    WatchlistEntry,
    WatchlistState,
)
from lookout.events.passage import (
    Alert,
    Decision,
    Embedding,
    Face,
    Frame,
    Match,
    Preview,
    Rejected,
    Sighting,
    Track,
)
from lookout.events.values import (
    UNSIGNED,
    Category,
    DecisionKind,
    DeploymentState,
    ErasureKind,
    ErasureReason,
    Response,
    Sealed,
    ServiceState,
    Signature,
    WatchlistAction,
)

Event = (
    Deployment
    | WatchlistEntry
    | WatchlistState
    | ServiceStatus
    | Frame
    | Face
    | Track
    | Preview
    | Embedding
    | Match
    | Alert
    | Decision
    | Erasure
    | PurgeCertificate
    | AuditEntry
    | DeadLetter
)

__all__ = [
    "UNSIGNED",
    "Alert",
    "AuditEntry",
    "Category",
    "DeadLetter",
    "Decision",
    "DecisionKind",
    "DeletedRecords",
    "Deployment",
    "DeploymentState",
    "Embedding",
    "EndedKeys",
    "Erasure",
    "ErasureKind",
    "ErasureReason",
    "Event",
    "Face",
    "Frame",
    "Issued",
    "Match",
    "Preview",
    "PurgeCertificate",
    "PurgeState",
    "Receipt",
    "Receipts",
    "Rejected",
    "Response",
    "Sealed",
    "ServiceState",
    "ServiceStatus",
    "Sighting",
    "Signature",
    "Track",
    "WatchlistAction",
    "WatchlistEntry",
    "WatchlistState",
]

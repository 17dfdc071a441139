"""Control records: who may be looked at, for whom, and how the services are."""

from dataclasses import dataclass
from datetime import datetime

from lookout.events.values import (
    Category,
    DeploymentState,
    Response,
    Sealed,
    ServiceState,
    Signature,
    WatchlistAction,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The authority to look: nothing is captured or matched without a live one."""

    deployment_id: str
    state: DeploymentState
    opens_at: datetime
    closes_at: datetime
    cameras: tuple[str, ...]
    target_fpir: float
    pack_name: str
    pack_sha256: str
    watchlist_hash: str
    confirm_shots: int
    confirm_of: int
    authority: str
    demonstration: bool
    updated_at: datetime
    signature: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchlistEntry:
    """A change to a deployment's watchlist. Names, reasons and pictures stay out of Kafka."""

    deployment_id: str
    entry_id: str
    action: WatchlistAction
    category: Category | None
    response: Response | None
    pack_sha256: str
    templates: tuple[Sealed, ...]
    issued_at: datetime
    signature: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchlistState:
    """What matching has in force: ``content_hash`` is over every enrolled entry, withdrawn ones included."""

    deployment_id: str
    content_hash: str
    entries: int
    withdrawn: int
    pack_sha256: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """A service's word on itself, several times a second and at every change. ``deployment_id`` is empty where none is concerned."""

    deployment_id: str
    service: str
    instance: str
    state: ServiceState
    reason: str
    since: datetime
    reported_at: datetime

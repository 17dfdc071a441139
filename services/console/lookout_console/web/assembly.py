"""The office put together: every part of the console that a request or a turn of the clock stands on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from lookout.sealing.ports import Vault

from lookout_console.accounts.credentials import Credentials
from lookout_console.accounts.oidc import Provider
from lookout_console.accounts.register import Register
from lookout_console.accounts.rules import LockoutRules, SessionRules
from lookout_console.actions.alerts import Alerts
from lookout_console.actions.checking import PreShift
from lookout_console.actions.deployments import Deployments, Pack
from lookout_console.actions.desk import Desk
from lookout_console.actions.evidence import Evidence
from lookout_console.actions.ports import Control, NewExaminer
from lookout_console.actions.records import Records
from lookout_console.actions.retention import Retention
from lookout_console.actions.shift import Shift, Statuses
from lookout_console.actions.watchlists import Watchlists
from lookout_console.notify.channels import Channels
from lookout_console.notify.push import Push
from lookout_console.notify.webhooks import Webhooks
from lookout_console.store.audit import Audit
from lookout_console.store.engine import Store
from lookout_console.web.callers import Door
from lookout_console.web.office import CANARY_EVERY, Office, Telling
from lookout_console.web.telling import Teller

WEBHOOK_KEY: Final = "signing/webhooks"


def _nothing_against() -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the console stands on; made by ``__main__`` from settings, and by tests."""

    store: Store
    vault: Vault
    control: Control
    clock: Callable[[], datetime]
    new_examiner: NewExaminer
    pack: Pack
    demonstration: bool
    tls: bool
    push_key: ec.EllipticCurvePrivateKey | None = None
    push_contact: str = ""
    provider: Provider | None = None
    provider_name: str = ""
    local_accounts: bool = True
    sessions: SessionRules = field(default_factory=SessionRules)
    lockout: LockoutRules = field(default_factory=LockoutRules)
    canary_every: timedelta = CANARY_EVERY
    stops_above_ceiling: bool = False
    """By policy: whether too many false alerts stop a deployment by themselves, or are warned of only."""
    channels: Sequence[str] = ()
    """Apprise addresses; secrets."""
    audit_why_not: Callable[[], str] = _nothing_against
    """Why nothing may be recorded at present, empty when it may."""


def build_office(outside: Outside) -> Office:
    """The office. The store must have its tables; nothing runs until the application does."""
    store, clock = outside.store, outside.clock
    audit = Audit(store, clock, outside.audit_why_not)
    telling = Telling()
    desk = Desk(
        store=store,
        audit=audit,
        vault=outside.vault,
        control=outside.control,
        clock=clock,
        changed=telling,
    )
    watchlists = Watchlists(desk, outside.new_examiner)
    deployments = Deployments(desk, outside.pack, demonstration=outside.demonstration)
    alerts = Alerts(desk, watchlists)
    register = Register(store.writing, clock=clock, journal=audit, lockout=outside.lockout)
    credentials = Credentials(store.writing, clock=clock, journal=audit, rules=outside.sessions)
    office = Office(
        desk=desk,
        deployments=deployments,
        watchlists=watchlists,
        alerts=alerts,
        shift=Shift(desk),
        records=Records(desk, deployments, watchlists, alerts),
        retention=Retention(desk),
        pre_shift=PreShift(desk, alerts),
        evidence=Evidence(desk, alerts, watchlists),
        statuses=Statuses(),
        register=register,
        credentials=credentials,
        door=Door(register=register, credentials=credentials, tls=outside.tls),
        webhooks=Webhooks(
            store.writing,
            clock=clock,
            journal=audit,
            master=outside.vault.get_or_create(WEBHOOK_KEY).secret,
            loopback=outside.demonstration,
        ),
        push=_push(outside),
        channels=Channels(outside.channels),
        provider=outside.provider,
        provider_name=outside.provider_name,
        local_accounts=outside.local_accounts,
        canary_every=outside.canary_every,
        stops_above_ceiling=outside.stops_above_ceiling,
    )
    teller = Teller(office)
    telling.to(teller.tell)
    teller.begin()
    office.beside += [teller.turn, alerts.outbox.turn]
    office.outward += [office.webhooks.send_due, office.channels.send_waiting]
    return office


def _push(outside: Outside) -> Push | None:
    if outside.push_key is None:
        return None
    return Push(
        outside.store.writing,
        clock=outside.clock,
        key=outside.push_key,
        contact=outside.push_contact,
    )

"""The purge of deployments that are over: their keys, their records, and a signed certificate of both.

Every step can be repeated, and a purge begins with a record that says so: whoever is the keeper after a crash goes on
from there. Nothing here waits; what is not done in one turn is looked at again in the next.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from lookout.events import (
    DeletedRecords,
    Deployment,
    ErasureReason,
    PurgeCertificate,
    PurgeState,
)
from lookout.sealing.ports import BlockState, Destruction, Keyring, Vault, VaultError
from lookout.stream.ports import Clock, StreamError

from lookout_keeper import closing_domain as rules
from lookout_keeper.closing_domain import Missing
from lookout_keeper.domain import Accounts, Sign
from lookout_keeper.metrics import Metrics
from lookout_keeper.ports import Books, PurgeTopics

_MOST_PENDING = 100_000
_VAULT_KINDS = ("watchlist", "people")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a purge waits before it begins, before it says what is missing, and before it looks again."""

    grace: timedelta = timedelta(seconds=2)
    patience: timedelta = timedelta(seconds=10)
    again: timedelta = timedelta(seconds=5)


@dataclass(slots=True)
class _Purge:
    """One purge under way, as this process knows it."""

    certificate: PurgeCertificate
    since: datetime
    next_at: datetime
    settled: set[str] = field(default_factory=set)
    deleted: list[DeletedRecords] = field(default_factory=list)


class Closing:
    """Purges deployments that are over and have no complete certificate yet. For the keeper that writes, and no other."""

    def __init__(
        self,
        *,
        keyring: Keyring,
        vault: Vault,
        books: Books,
        topics: PurgeTopics,
        sign: Sign,
        body_of: Callable[[PurgeCertificate], bytes],
        known: Callable[[], bool],
        name: str,
        clock: Clock,
        metrics: Metrics,
        pace: Pace,
    ) -> None:
        """``known`` tells whether deployments and certificates were read to their ends. ``body_of`` is what is signed."""
        self._keyring, self._vault, self._books, self._topics = keyring, vault, books, topics
        self._sign, self._body_of, self._known = sign, body_of, known
        self._name, self._clock, self._metrics, self._pace = name, clock, metrics, pace
        self._deployments: dict[str, Deployment] = {}
        self._certificates: dict[str, PurgeCertificate] = {}
        self._purges: dict[str, _Purge] = {}

    def heard(self, deployment: Deployment) -> None:
        """Take a verified record of a deployment; from a follower's thread."""
        latest = self._deployments.get(deployment.deployment_id)
        if latest is None or deployment.updated_at >= latest.updated_at:
            self._deployments = {**self._deployments, deployment.deployment_id: deployment}

    def heard_certificate(self, certificate: PurgeCertificate) -> None:
        """Take a verified certificate; from a follower's thread."""
        latest = self._certificates.get(certificate.deployment_id)
        if latest is None or certificate.revision >= latest.revision:
            self._certificates = {
                **self._certificates,
                certificate.deployment_id: certificate,
            }

    def turn(self) -> None:
        """Do what can be done now. `KeyringUnavailableError` and `RetryableError` are the caller's to wait out."""
        if not self._known():
            return
        now = self._clock()
        open_ones = [one for one in self._deployments.values() if self._is_open(one, now)]
        self._metrics.closing.set(len(open_ones))
        for deployment in open_ones:
            purge = self._purges.get(deployment.deployment_id)
            if purge is not None and now < purge.next_at:
                continue
            try:
                self._advance(deployment, now)
            except StreamError as error:
                # Receipts are still taken meanwhile: a purge that cannot go on must not stop the account.
                _log.warning(
                    "purge not finished", deployment_id=deployment.deployment_id, why=str(error)
                )
                if purge is not None:
                    purge.next_at = now + self._pace.again

    def _is_open(self, deployment: Deployment, now: datetime) -> bool:
        if not rules.is_over(deployment, now):
            return False
        certificate = self._certificates.get(deployment.deployment_id)
        return certificate is None or certificate.state is not PurgeState.COMPLETE

    def _advance(self, deployment: Deployment, now: datetime) -> None:
        name = deployment.deployment_id
        states = [state for state in self._keyring.blocks() if state.deployment_id == name]
        purge = self._purges.get(name)
        if purge is None:
            purge = self._begun(deployment, states, now)
        if purge is None:
            return
        vault_left = self._destroy_vault_keys(name)
        evidence = self._topics.evidence(name)
        waits, quiet = self._destroy_keys(name, states, evidence, now)
        deleted = self._topics.delete(
            name,
            spared=self._spared(now),
            alone=not any(self._spared(now)(other) for other in self._deployments),
            evidence_waits=waits,
            settled=purge.settled,
        )
        purge.deleted += deleted.records
        if quiet and not waits:
            purge.settled.update(topic for topic, left in deleted.left.items() if not left)
        accounts = self._accounts(name)
        missing = rules.missing_of(
            vault=vault_left,
            gallery=self._topics.gallery_told(name),
            accounts=accounts,
            left=deleted.left,
        )
        self._certify(purge, accounts, missing, now, settled=quiet and rules.is_settled(missing))

    def _begun(
        self, deployment: Deployment, states: Sequence[BlockState], now: datetime
    ) -> _Purge | None:
        name = deployment.deployment_id
        known = self._certificates.get(name)
        if known is None:
            if not rules.may_begin(
                deployment, now, grace=self._pace.grace, drained=lambda: self._is_drained(states)
            ):
                return None
            known = rules.begun(deployment, entries=self._topics.enrolled(name), at=now)
            known = self._publish(known)
        purge = _Purge(certificate=known, since=now, next_at=now)
        self._purges[name] = purge
        return purge

    def _is_drained(self, states: Sequence[BlockState]) -> bool:
        return not any(any(self._keyring.alive(_made(state))) for state in states)

    def _spared(self, now: datetime) -> Callable[[str], bool]:
        """Whose records stay: deployments that are not over, and those that nobody has opened yet."""

        def spared(deployment_id: str) -> bool:
            known = self._deployments.get(deployment_id)
            return known is None or not rules.is_over(known, now)

        return spared

    def _destroy_vault_keys(self, deployment_id: str) -> bool:
        """Destroy what opens the watchlist and its people; whether one could not be."""
        left = False
        for kind in _VAULT_KINDS:
            try:
                self._vault.destroy(f"{kind}/{deployment_id}")
            except VaultError as error:
                _log.warning("vault key not destroyed", kind=kind, why=str(error))
                left = True
        return left

    def _destroy_keys(
        self,
        deployment_id: str,
        states: Sequence[BlockState],
        evidence: Collection[str],
        now: datetime,
    ) -> tuple[bool, bool]:
        """Destroy what is alive but evidence, and close its blocks; whether evidence is alive, and nothing else was."""
        waits, orders, quiet = False, list[Destruction](), True
        for state in states:
            ids = _made(state)
            for key_id, alive in zip(ids, self._keyring.alive(ids), strict=True):
                if alive and key_id in evidence:
                    waits = True
                elif alive:
                    orders.append(
                        Destruction(
                            key_id=key_id,
                            reason=ErasureReason.DEPLOYMENT_CLOSED,
                            deployment_id=deployment_id,
                            captured_at=None,
                        )
                    )
            if not state.closed and state.made < state.count:
                self._keyring.close_block(state.block_id, by=self._name, at=now)
                quiet = False
        if orders:
            self._keyring.destroy(orders, by=self._name, at=now)
        return waits, quiet and not orders

    def _accounts(self, deployment_id: str) -> Accounts:
        ledger = self._books.ledger
        unreceipted = [
            f"{block_id}:{counter}"
            for block_id, block in ledger.unfinished().items()
            if block.deployment_id == deployment_id
            for counter in block.unreceipted(block.announced)
        ]
        return rules.account_of(
            ledger,
            deployment_id,
            states=self._keyring.blocks(),
            alive=sum(self._keyring.alive(unreceipted)),
            pending=self._keyring.pending_receipts(_MOST_PENDING),
        )

    def _certify(
        self,
        purge: _Purge,
        accounts: Accounts,
        missing: Mapping[Missing, str],
        now: datetime,
        *,
        settled: bool,
    ) -> None:
        before = purge.certificate
        purge.next_at = now + self._pace.again if settled else now
        if not settled and now < purge.since + self._pace.patience:
            return
        revised = rules.revised(
            before,
            at=now,
            deleted=purge.deleted,
            accounts=accounts,
            head=self._books.head,
            missing=missing,
        )
        if (revised.state, revised.missing) == (before.state, before.missing):
            return
        purge.certificate = self._publish(revised)
        if not missing:
            del self._purges[before.deployment_id]

    def _publish(self, unsigned: PurgeCertificate) -> PurgeCertificate:
        certificate = replace(unsigned, signature=self._sign(self._body_of(unsigned)))
        self._topics.publish(certificate)
        self.heard_certificate(certificate)
        self._metrics.certificates.labels(certificate.state).inc()
        _log.info(
            "purge certificate written",
            deployment_id=certificate.deployment_id,
            state=certificate.state,
            missing=len(certificate.missing),
        )
        return certificate


def _made(state: BlockState) -> Sequence[str]:
    return [f"{state.block_id}:{counter}" for counter in range(state.made)]

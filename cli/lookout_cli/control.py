"""The command line's hand on the control topics: it signs what it writes, and reads them whole.

Its key is a demonstration key: services obey it in demonstration mode only, and every alert then says so.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from lookout.authority import why_not_in_force
from lookout.events import (
    UNSIGNED,
    Deployment,
    DeploymentState,
    Event,
    PurgeCertificate,
    WatchlistAction,
    WatchlistEntry,
)
from lookout.hosting.authority import signature_check
from lookout.hosting.platform import Platform
from lookout.sealing.signing import Signer
from lookout.stream.ports import InvalidMessageError, Message
from lookout.watchlist import content_hash
from lookout_keeper.closing_domain import is_over

E = TypeVar("E", bound=Event)
_PAGE = 500


class ControlError(Exception):
    """What is asked cannot be done. Says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """What a deployment is opened with."""

    deployment_id: str
    cameras: tuple[str, ...]
    duration: timedelta
    target_fpir: float
    pack_name: str
    pack_sha256: str
    confirm_shots: int = 2
    confirm_of: int = 3
    authority: str = "demonstration"


def new_deployment_id() -> str:
    """A fresh deployment id."""
    return str(uuid.uuid4())


def read_all(platform: Platform, kind: type[E]) -> Sequence[E]:
    """Every record of a topic, oldest first, as of now. What cannot be decoded is left out, as services do."""
    topic = platform.topic(kind)
    found: list[E] = []
    for message in read_messages(platform, topic):
        try:
            event = platform.codec.decode(topic, message.value)
        except InvalidMessageError:
            continue
        if isinstance(event, kind):
            found.append(event)
    return found


def read_messages(platform: Platform, topic: str) -> Iterator[Message]:
    """Every message of a topic, oldest first within a partition, as of now."""
    reader = platform.broker.reader([topic])
    try:
        while not reader.caught_up():
            yield from reader.poll(_PAGE, 0.5)
    finally:
        reader.close()


def certificates(platform: Platform, deployment_id: str) -> Sequence[PurgeCertificate]:
    """The purge certificates of a deployment whose signatures hold, oldest first."""
    topic = platform.topic(PurgeCertificate)
    is_signed = signature_check(platform.codec, platform.trust, demonstration=True)
    found: list[PurgeCertificate] = []
    for message in read_messages(platform, topic):
        try:
            event = platform.codec.decode(topic, message.value)
        except InvalidMessageError:
            continue
        if not isinstance(event, PurgeCertificate) or event.deployment_id != deployment_id:
            continue
        if is_signed(message, event):
            found.append(event)
    return found


class ControlPlane:
    """Deployments and watchlists, written and read."""

    def __init__(self, *, platform: Platform, signer: Signer) -> None:
        self._platform, self._signer = platform, signer

    def sign(self, entry: WatchlistEntry) -> WatchlistEntry:
        """The entry, signed by the command line."""
        body = self._platform.codec.unsigned_body(replace(entry, signature=UNSIGNED))
        return replace(entry, signature=self._signer.sign(body))

    def entries(self, deployment_id: str) -> Sequence[WatchlistEntry]:
        """A deployment's watchlist records, oldest first."""
        return [
            entry
            for entry in read_all(self._platform, WatchlistEntry)
            if entry.deployment_id == deployment_id
        ]

    def deployments(self) -> Sequence[Deployment]:
        """The latest record of every deployment, oldest first."""
        latest: dict[str, Deployment] = {}
        for deployment in read_all(self._platform, Deployment):
            latest[deployment.deployment_id] = deployment
        return sorted(latest.values(), key=lambda known: known.updated_at)

    def open(self, plan: DeploymentPlan) -> Deployment:
        """Put a deployment into force over its watchlist as it is now.

        Raises:
            ControlError: its watchlist is empty, was made with another pack, or it is over.
        """
        self.require_not_over(plan.deployment_id)
        now = self._platform.clock()
        entries = self.entries(plan.deployment_id)
        self._check_watchlist(entries, plan)
        return self._publish(
            Deployment(
                deployment_id=plan.deployment_id,
                state=DeploymentState.LIVE,
                opens_at=now,
                closes_at=now + plan.duration,
                cameras=plan.cameras,
                target_fpir=plan.target_fpir,
                pack_name=plan.pack_name,
                pack_sha256=plan.pack_sha256,
                watchlist_hash=content_hash(entries),
                confirm_shots=plan.confirm_shots,
                confirm_of=plan.confirm_of,
                authority=plan.authority,
                demonstration=True,
                updated_at=now,
                signature=UNSIGNED,
            )
        )

    def close(self, deployment_id: str) -> Deployment:
        """End a deployment, and destroy its watchlist's key: what it sealed cannot be opened again by anybody."""
        deployment = self.latest(deployment_id)
        if deployment is None:
            raise ControlError(f"no deployment {deployment_id}: see `lookout deployment show`")
        if deployment.state is not DeploymentState.ENDED:
            deployment = self._publish(
                replace(deployment, state=DeploymentState.ENDED, updated_at=self._platform.clock())
            )
        self._platform.vault.destroy(f"watchlist/{deployment_id}")
        return deployment

    def latest(self, deployment_id: str) -> Deployment | None:
        """The latest record of a deployment, None where there is none."""
        known = [one for one in self.deployments() if one.deployment_id == deployment_id]
        return known[-1] if known else None

    def is_ours(self, deployment_id: str) -> bool:
        """Whether a deployment was opened by this command line: evidence of any other is for the console that opened it."""
        known = self.latest(deployment_id)
        return known is not None and known.signature.signer == self._signer.name

    def opened_elsewhere(self) -> Sequence[Deployment]:
        """The deployments in force that were not opened by this command line."""
        now = self._platform.clock()
        return [
            known
            for known in self.deployments()
            if why_not_in_force(known, now) is None and known.signature.signer != self._signer.name
        ]

    def require_not_over(self, deployment_id: str) -> None:
        """Raise `ControlError` if a deployment is over: it is purged, and its id is not used again."""
        known = self.latest(deployment_id)
        if known is not None and is_over(known, self._platform.clock()):
            raise ControlError(
                f"deployment {deployment_id} is over and purged: enrol into another, and open that"
            )

    def only_live(self, now: datetime) -> Deployment:
        """The one deployment in force; `ControlError` if there is none or more than one."""
        live = [known for known in self.deployments() if why_not_in_force(known, now) is None]
        if len(live) != 1:
            raise ControlError(
                f"{len(live)} deployments are in force: name one (see `lookout deployment show`)"
            )
        return live[0]

    def _check_watchlist(self, entries: Sequence[WatchlistEntry], plan: DeploymentPlan) -> None:
        enrolled = [entry for entry in entries if entry.action is WatchlistAction.ENROL]
        if not enrolled:
            raise ControlError(
                f"deployment {plan.deployment_id} has no watchlist: enrol one with"
                f" `lookout watchlist enrol FOLDER --deployment {plan.deployment_id}`"
            )
        if any(entry.pack_sha256 != plan.pack_sha256 for entry in enrolled):
            raise ControlError(
                f"the watchlist was enrolled with another model pack than {plan.pack_name}:"
                " enrol it again, or name the pack it was enrolled with"
            )

    def _publish(self, deployment: Deployment) -> Deployment:
        body = self._platform.codec.unsigned_body(replace(deployment, signature=UNSIGNED))
        signed = replace(deployment, signature=self._signer.sign(body))
        self._platform.emit(signed)
        return signed

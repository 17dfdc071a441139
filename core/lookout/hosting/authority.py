"""The deployments in force, as followed from signed control records. Fails closed while it does not know."""

from collections.abc import Callable, Collection
from datetime import datetime

from lookout.authority import why_not_in_force
from lookout.codec import Codec
from lookout.events import Deployment, Event, PurgeCertificate, WatchlistEntry
from lookout.sealing.signing import ROLE_CONTROL, ROLE_RECEIPTS, TrustStore
from lookout.stream.ports import Message

_UNKNOWN = "the deployments are not known: their topic has not been read to its end"
_SIGNED = (Deployment, WatchlistEntry, PurgeCertificate)


class FollowedAuthority:
    """`lookout.authority.Authority` fed by a follower of ``deployments``; the latest record of a deployment counts."""

    def __init__(self, *, known: Callable[[], bool]) -> None:
        """``known`` tells whether the follower has read all there was and still reads."""
        self._known = known
        self._deployments: dict[str, Deployment] = {}

    def heard(self, deployment: Deployment) -> None:
        """Take a verified record. An older one than what is known changes nothing."""
        latest = self._deployments.get(deployment.deployment_id)
        if latest is None or deployment.updated_at >= latest.updated_at:
            self._deployments = {**self._deployments, deployment.deployment_id: deployment}

    def known(self) -> bool:
        """Whether all that was published is known, so that silence means that there is no deployment."""
        return self._known()

    def latest(self, deployment_id: str) -> Deployment | None:
        """The latest record of a deployment, in force or not."""
        return self._deployments.get(deployment_id)

    def in_force(self, now: datetime) -> Collection[Deployment]:
        """See `Authority`."""
        if not self._known():
            return []
        return [
            known for known in self._deployments.values() if why_not_in_force(known, now) is None
        ]

    def deployment(self, deployment_id: str, now: datetime) -> Deployment | None:
        """See `Authority`."""
        known = self._deployments.get(deployment_id)
        if known is None or not self._known() or why_not_in_force(known, now) is not None:
            return None
        return known

    def for_camera(self, camera_id: str, now: datetime) -> Deployment | None:
        """See `Authority`."""
        return next((known for known in self.in_force(now) if camera_id in known.cameras), None)

    def why_unknown(self) -> str:
        """Why it is not known what is in force; empty when it is. Until it is, nothing is to be judged by it."""
        return "" if self._known() else _UNKNOWN

    def why_not(self, now: datetime) -> str:
        """See `Authority`."""
        if not self._known():
            return _UNKNOWN
        if self.in_force(now):
            return ""
        reasons = [why_not_in_force(known, now) for known in self._latest_first()]
        return next((reason for reason in reasons if reason), "no deployment has been opened")

    def _latest_first(self) -> list[Deployment]:
        return sorted(self._deployments.values(), key=lambda known: known.updated_at, reverse=True)


def signature_check(
    codec: Codec, trust: TrustStore, *, demonstration: bool
) -> Callable[[Message, Event], bool]:
    """A check for followers: whether a control record, or a purge certificate, is signed by somebody who may.

    A demonstration key counts in demonstration mode only, and only for deployments that say that they are one.
    """

    def is_signed(message: Message, event: Event) -> bool:
        if message.value is None or not isinstance(event, _SIGNED):
            return False
        role = ROLE_RECEIPTS if isinstance(event, PurgeCertificate) else ROLE_CONTROL
        body, signature = codec.signed_part(message.value)
        signer = trust.signer(signature.signer)
        if signer is None or not trust.verify(signature, body, role=role):
            return False
        if not signer.demonstration:
            return True
        return demonstration and (not isinstance(event, Deployment) or event.demonstration)

    return is_signed

"""Whether a deployment's faces may be compared, and if not, why: asked by the processor, and told on the status topic."""

from dataclasses import dataclass

from lookout.authority import Authority
from lookout.events import Deployment, ServiceState
from lookout.stream.ports import Clock
from lookout.vision.calibration import PassRule
from lookout.vision.errors import PackError

from lookout_matching.domain import Confirmation
from lookout_matching.ports import Pack, Roll, Watchlists


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a deployment's faces are compared now."""

    roll: Roll
    rule: Confirmation
    of_a_pass: PassRule
    threshold: float


class Readiness:
    """Fails closed: whatever is not exactly as the deployment's signed record says is a reason not to compare."""

    def __init__(
        self,
        *,
        authority: Authority,
        watchlists: Watchlists,
        pack: Pack,
        most_shots: int,
        clock: Clock,
    ) -> None:
        """``pack`` is the one whose calibration gives thresholds, for passes of ``most_shots`` shots at most."""
        self._most_shots = most_shots
        self._authority, self._watchlists, self._pack = authority, watchlists, pack
        # Its hash is worked out anew at each asking.
        self._pack_sha256 = pack.sha256
        self._clock = clock

    def terms(self, deployment: Deployment) -> Terms | str:
        """The terms, or why there are none, in words for people."""
        name = deployment.deployment_id
        if deployment.pack_sha256 != self._pack_sha256:
            return (
                f"deployment {name} names model pack {deployment.pack_name} ({deployment.pack_sha256[:12]}…), but "
                f"matching is calibrated for {self._pack_sha256[:12]}…: start it with the deployment's pack"
            )
        roll = self._watchlists.roll(name)
        if roll is None:
            return f"no watchlist is known for deployment {name}: enrol it"
        return _watchlist_trouble(roll, deployment) or self._agreed(deployment, roll)

    def _agreed(self, deployment: Deployment, roll: Roll) -> Terms | str:
        try:
            rule = Confirmation(deployment.confirm_shots, deployment.confirm_of)
            # Detection sends more shots than its setting where a deployment's confirmation needs them.
            of_a_pass = PassRule(shots=max(self._most_shots, rule.of), agreeing=rule.shots)
            threshold = self._pack.threshold(deployment.target_fpir, roll.templates, of_a_pass)
        except (PackError, ValueError) as error:
            return f"deployment {deployment.deployment_id}: {error}"
        return Terms(roll, rule, of_a_pass, threshold)

    def state(self) -> tuple[ServiceState, str]:
        """How matching is, for the status topic. Safe to call from any thread."""
        now = self._clock()
        deployments = self._authority.in_force(now)
        if not deployments:
            return ServiceState.NOT_RUNNING, self._authority.why_not(now)
        found = [self.terms(deployment) for deployment in deployments]
        troubles = [terms for terms in found if isinstance(terms, str)]
        if len(troubles) == len(found):
            return ServiceState.NOT_RUNNING, "; ".join(troubles)
        rolls = [terms.roll for terms in found if isinstance(terms, Terms)]
        troubles += [
            f"{roll.left_out} of the entries of deployment {roll.deployment_id} cannot be used: see the log"
            for roll in rolls
            if roll.left_out
        ]
        if troubles:
            return ServiceState.DEGRADED, "; ".join(troubles)
        return ServiceState.LIVE, ""


def _watchlist_trouble(roll: Roll, deployment: Deployment) -> str | None:
    name = deployment.deployment_id
    if roll.content_hash is None:
        return f"the watchlist of deployment {name} is being loaded"
    if roll.pack_sha256 != deployment.pack_sha256:
        return f"the watchlist of deployment {name} was enrolled with another model pack: enrol it again"
    if roll.content_hash != deployment.watchlist_hash:
        return f"the watchlist of deployment {name} is not the one that was authorised: authorise it, or restore it"
    if not roll.templates:
        return f"the watchlist of deployment {name} has no entry in force"
    return None

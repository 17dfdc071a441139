"""Enrolment on a system: the pack's models, the deployment's key, the command line's signature and store."""

from collections.abc import Callable, Iterable

from lookout.enrolment.enrol import Enroller, EnrolReport, Verdict
from lookout.enrolment.source import Row
from lookout.ids import entry_id as id_of
from lookout.vision.pack import LoadedPack

from lookout_cli.people.ledger import Member
from lookout_cli.session import Session

_LOOKALIKE_FPIR = 0.01
_LOOKALIKE_GALLERY = 100


def enrol_rows(
    session: Session,
    loaded: LoadedPack,
    *,
    deployment_id: str,
    rows: Iterable[Row],
    progress: Callable[[Verdict], None],
) -> EnrolReport:
    """Enrol rows into a deployment's watchlist, and note in the membership ledger who is on it.

    Raises:
        ControlError: the deployment is over.
    """
    session.control.require_not_over(deployment_id)
    platform, pack = session.platform, loaded.pack
    enroller = Enroller(
        deployment_id=deployment_id,
        detector=loaded.detector(),
        refiner=loaded.refiner(),
        embedder=loaded.embedder(),
        template_points=pack.embedder.template_points,
        pack_sha256=pack.sha256,
        key=platform.vault.get_or_create(f"watchlist/{deployment_id}"),
        lookalike_threshold=pack.threshold(_LOOKALIKE_FPIR, _LOOKALIKE_GALLERY),
        sign=session.control.sign,
        emit=platform.emit,
        keep=lambda entry_id, person: session.people.put(deployment_id, entry_id, person),
        now=platform.clock,
    )
    report = enroller.enrol(rows, progress=progress)
    session.ledger.enrolled(deployment_id, _members(report, deployment_id))
    return report


def _members(report: EnrolReport, deployment_id: str) -> list[Member]:
    references = {
        id_of(deployment_id, verdict.reference): verdict.reference for verdict in report.verdicts
    }
    return [
        Member(
            reference=references[entry.entry_id],
            category=entry.category,
            enrolled_at=entry.issued_at,
        )
        for entry in report.entries
        if entry.category is not None
    ]

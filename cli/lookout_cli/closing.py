"""The end of a deployment, as the command line sees it: the order, the wait, and the keeper's certificate."""

import time

from lookout.events import Deployment, PurgeCertificate, PurgeState
from lookout.hosting.platform import Platform
from lookout_keeper.closing_domain import closed_at
from rich.table import Table

from lookout_cli.control import certificates
from lookout_cli.session import Session

_LOOK_S = 0.1


def end(session: Session, deployment_id: str) -> Deployment:
    """End a deployment, and purge its people from the command line's store. The keeper does the rest.

    Raises:
        ControlError: there is no such deployment.
    """
    ended = session.control.close(deployment_id)
    session.people.purge(deployment_id)
    note_window(session, ended)
    return ended


def note_window(session: Session, deployment: Deployment) -> None:
    """Note in the membership ledger when a deployment was in force."""
    session.ledger.window(
        deployment.deployment_id,
        opens_at=deployment.opens_at,
        closes_at=closed_at(deployment),
    )


def wait_certificate(
    platform: Platform, deployment_id: str, *, within_s: float
) -> PurgeCertificate | None:
    """The certificate of a deployment's purge as soon as there is one, complete or saying what is missing.

    None if none has come in time.
    """
    deadline = time.monotonic() + within_s
    while True:
        found = [
            one
            for one in certificates(platform, deployment_id)
            if one.state is not PurgeState.BEGUN
        ]
        if found or time.monotonic() > deadline:
            return max(found, key=lambda one: one.revision, default=None)
        time.sleep(_LOOK_S)


def certificate_table(certificate: PurgeCertificate) -> Table:
    """A certificate, for a person to read."""
    table = Table(
        title=f"Certificate of purge {certificate.revision}: {certificate.state}", show_header=False
    )
    deleted = [one for one in certificate.deleted if one.below]
    table.add_row("deployment", certificate.deployment_id)
    table.add_row("closed, purged (UTC)", f"{_at(certificate)}")
    table.add_row("people enrolled", str(certificate.entries))
    table.add_row("watchlist", certificate.watchlist_hash)
    table.add_row(
        "records deleted",
        "\n".join(f"{one.topic}/{one.partition} below {one.below}" for one in deleted) or "none",
    )
    table.add_row("keys issued", str(certificate.keys_issued))
    for ended in certificate.keys_ended:
        table.add_row(f"  {ended.reason}", str(ended.count))
    table.add_row("keys held as evidence", str(certificate.keys_held))
    table.add_row(
        "chain of receipts", f"link {certificate.chain_sequence}, {certificate.chain_hash.hex()}"
    )
    for missing in certificate.missing:
        table.add_row("[yellow]missing[/]", missing)
    table.add_row("signed by", certificate.signature.signer)
    return table


def _at(certificate: PurgeCertificate) -> str:
    return f"{certificate.closed_at:%Y-%m-%d %H:%M:%S}, {certificate.purged_at:%H:%M:%S}"

"""The command line waits for a certificate that tells something, by a keeper who may."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lookout.events import PurgeCertificate, PurgeState
from lookout.sealing.signing import Signer
from lookout_cli.closing import certificate_table, wait_certificate
from lookout_cli.session import Session
from lookout_cli.stack.local import CLI_SIGNER, KEEPER_SIGNER
from rich.console import Console
from support.golden import example
from support.pipeline import memory_session

COMPLETE = replace(
    example(PurgeCertificate, "purge_certificate/complete"), deployment_id="d1", revision=3
)


@pytest.fixture(name="session")
def session_fixture(tmp_path: Path) -> Iterator[Session]:
    with memory_session(tmp_path) as session:
        yield session


def publish(
    session: Session, certificate: PurgeCertificate, *, signer: str = KEEPER_SIGNER
) -> PurgeCertificate:
    platform = session.platform
    key = platform.vault.get_or_create(f"signing/{signer}")
    signature = Signer(signer, key).sign(platform.codec.unsigned_body(certificate))
    signed = replace(certificate, signature=signature)
    platform.emit(signed)
    return signed


def waited(session: Session) -> PurgeCertificate | None:
    return wait_certificate(session.platform, "d1", within_s=0.0)


def test_without_a_certificate_the_wait_ends_with_none(session: Session) -> None:
    assert waited(session) is None


@pytest.mark.parametrize("state", [PurgeState.INCOMPLETE, PurgeState.COMPLETE])
def test_one_that_says_what_was_done_is_taken_and_one_that_only_begins_is_not(
    session: Session, state: PurgeState
) -> None:
    publish(session, replace(COMPLETE, revision=1, state=PurgeState.BEGUN))
    assert waited(session) is None

    said = publish(session, replace(COMPLETE, revision=2, state=state))

    assert waited(session) == said


def test_the_highest_revision_counts_and_other_deployments_do_not(session: Session) -> None:
    latest = publish(session, COMPLETE)
    publish(session, replace(COMPLETE, revision=2, state=PurgeState.INCOMPLETE))
    publish(session, replace(COMPLETE, revision=9, deployment_id="d2"))

    assert waited(session) == latest


def test_a_signature_for_orders_is_none_for_certificates(session: Session) -> None:
    publish(session, COMPLETE, signer=CLI_SIGNER)

    assert waited(session) is None


def test_a_certificate_is_printed_with_its_counts_and_what_is_missing() -> None:
    held = example(PurgeCertificate, "purge_certificate/evidence_held")
    console = Console(width=200)
    with console.capture() as captured:
        console.print(certificate_table(held))
    printed = captured.get()

    assert all(text in printed for text in held.missing)
    assert held.watchlist_hash in printed
    assert held.chain_hash.hex() in printed
    for ended in held.keys_ended:
        assert f"{ended.reason}" in printed
        assert f"{ended.count}" in printed

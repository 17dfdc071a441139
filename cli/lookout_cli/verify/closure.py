"""Whether what a certificate of purge says is so: asked of the topics, the keyring, the vault and the folders themselves."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookout.events import Erasure, PurgeCertificate, PurgeState, WatchlistState
from lookout.hosting.authority import signature_check
from lookout.sealing.ports import KeyGoneError
from lookout.stream.ports import InvalidMessageError, Message, Partition
from lookout_keeper.adapters.purge import deployment_of, sealed_topics
from lookout_keeper.domain import GENESIS, Ledger
from lookout_matching.adapters.points import collection_name

from lookout_cli.control import read_all, read_messages
from lookout_cli.session import Session

GALLERY_FOLDERS = (
    Path("/dev/shm"),  # noqa: S108 - looked into, nothing is written
    Path(tempfile.gettempdir()),
)
_GALLERY = "lookout-gallery-*"
_VAULT_KINDS = ("watchlist", "people")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, in words for people: what holds, or what is broken."""

    holds: bool
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureReport:
    """What was found of a deployment that is said to be closed."""

    certificate: PurgeCertificate | None
    findings: Sequence[Finding]

    @property
    def proved(self) -> bool:
        """Whether everything holds."""
        return all(finding.holds for finding in self.findings)


def verify_closure(
    session: Session, deployment_id: str, *, gallery_folders: Sequence[Path] = GALLERY_FOLDERS
) -> ClosureReport:
    """Check every claim of the latest certificate of a deployment. Reads only."""
    certificate, findings = _certificate(session, deployment_id)
    if certificate is not None:
        findings += _completeness(certificate)
        findings += _topics(session, certificate)
        findings += _keys(session, certificate)
    findings += _vault(session, deployment_id)
    findings.append(_gallery_told(session, deployment_id))
    findings.append(_gallery_files(deployment_id, gallery_folders))
    findings.append(_people(session, deployment_id))
    if certificate is not None:
        findings.append(_membership(session, certificate))
    return ClosureReport(certificate=certificate, findings=findings)


def _certificate(
    session: Session, deployment_id: str
) -> tuple[PurgeCertificate | None, list[Finding]]:
    platform = session.platform
    topic = platform.topic(PurgeCertificate)
    is_signed = signature_check(platform.codec, platform.trust, demonstration=True)
    authentic: list[PurgeCertificate] = []
    findings: list[Finding] = []
    for message in read_messages(platform, topic):
        if message.key != deployment_id.encode():
            continue
        place = f"record {message.position.offset} of {topic}"
        try:
            event = platform.codec.decode(topic, message.value)
        except InvalidMessageError as error:
            findings.append(Finding(False, f"{place} is no certificate ({error.kind})"))
            continue
        if not isinstance(event, PurgeCertificate) or event.deployment_id != deployment_id:
            findings.append(Finding(False, f"{place} is of another deployment than its key says"))
        elif not is_signed(message, event):
            findings.append(Finding(False, f"{place} is not signed by a listed keeper"))
        else:
            authentic.append(event)
    if not authentic:
        return None, [*findings, Finding(False, "there is no certificate of its purge")]
    latest = max(authentic, key=lambda one: one.revision)
    signed = f"certificate {latest.revision} is signed by {latest.signature.signer}"
    return latest, [*findings, Finding(True, signed)]


def _completeness(certificate: PurgeCertificate) -> Iterator[Finding]:
    complete = certificate.state is PurgeState.COMPLETE
    yield Finding(complete, f"the keeper says that the purge is {certificate.state}")
    for missing in certificate.missing:
        yield Finding(False, missing)


def _topics(session: Session, certificate: PurgeCertificate) -> Iterator[Finding]:
    platform = session.platform
    below = {Partition(one.topic, one.partition): one.below for one in certificate.deleted}
    for topic in sealed_topics(platform.catalogue):
        marks = platform.broker.watermarks(topic.name)
        if not below.keys() & marks.keys() and certificate.state is PurgeState.COMPLETE:
            yield Finding(False, f"the certificate does not name {topic.name}")
        for partition, (low, _) in marks.items():
            if low < below.get(partition, 0):
                yield Finding(
                    False,
                    f"{_name(partition)} begins at {low}, the certificate says {below[partition]}",
                )
        left = [
            message
            for message in read_messages(platform, topic.name)
            if _is_of(session, message, certificate.deployment_id)
        ]
        if left:
            first = left[0].position
            yield Finding(
                False,
                f"{len(left)} records of it are on {topic.name}, the first at {_name(first.partition)} offset "
                f"{first.offset}",
            )
        else:
            yield Finding(True, f"no record of it is on {topic.name}")


def _is_of(session: Session, message: Message, deployment_id: str) -> bool:
    return deployment_of(message, session.platform.codec) == deployment_id


def _keys(session: Session, certificate: PurgeCertificate) -> Iterator[Finding]:
    platform = session.platform
    erasures = read_all(platform, Erasure)
    links = {record.receipts.chain_hash for record in erasures if record.receipts is not None}
    known = certificate.chain_hash in links or certificate.chain_hash == GENESIS
    yield Finding(
        known,
        f"link {certificate.chain_sequence} of the chain of receipts, which it names, is"
        f"{'' if known else ' not'} on the topic",
    )
    ledger = Ledger()
    for record in erasures:
        if record.deployment_id == certificate.deployment_id:
            ledger.apply(record)
    ended: Counter[str] = Counter()
    unreceipted: list[str] = []
    for name, block in ledger.blocks.items():
        ended.update({str(reason): count for reason, count in block.reasons.items()})
        unreceipted += [f"{name}:{counter}" for counter in block.unreceipted(block.announced)]
    issued = sum(block.announced for block in ledger.blocks.values())
    said = {str(one.reason): one.count for one in certificate.keys_ended}
    counted = (said, certificate.keys_issued) == (dict(ended), issued)
    yield Finding(
        counted,
        f"{issued} keys were issued and {ended.total()} have a receipt, "
        + ("as it says" if counted else f"it says {certificate.keys_issued}, {sum(said.values())}"),
    )
    alive = sum(platform.keyring.alive(unreceipted))
    yield Finding(not alive, f"{alive} of its keys are alive" if alive else "no key of it is alive")


def _vault(session: Session, deployment_id: str) -> Iterator[Finding]:
    for kind in _VAULT_KINDS:
        name = f"{kind}/{deployment_id}"
        try:
            session.platform.vault.get(name)
        except KeyGoneError:
            yield Finding(True, f"the vault has no key {name}")
        else:
            yield Finding(False, f"the vault still has key {name}")


def _gallery_told(session: Session, deployment_id: str) -> Finding:
    platform = session.platform
    told = False
    for message in read_messages(platform, platform.topic(WatchlistState)):
        if message.key == deployment_id.encode():
            told = message.value is not None
    if told:
        return Finding(False, "matching has not said that its gallery is gone")
    return Finding(True, "matching tells of no gallery of it")


def _gallery_files(deployment_id: str, folders: Sequence[Path]) -> Finding:
    found = [
        path
        for folder in folders
        for path in folder.glob(f"{_GALLERY}/{collection_name(deployment_id)}")
    ]
    if found:
        return Finding(False, f"gallery files are left: {', '.join(map(str, found))}")
    return Finding(True, "no gallery files of it are on this machine")


def _people(session: Session, deployment_id: str) -> Finding:
    people = len(session.people.entries(deployment_id))
    if people:
        return Finding(
            False, f"files of {people} people are left in the store: run `lookout purge`"
        )
    return Finding(True, "nobody of it is in the store of people")


def _membership(session: Session, certificate: PurgeCertificate) -> Finding:
    members = len(session.ledger.entries(certificate.deployment_id))
    return Finding(
        members == certificate.entries,
        f"the membership ledger has {members} of the {certificate.entries} people who were enrolled",
    )


def _name(partition: Partition) -> str:
    return f"{partition.topic}/{partition.index}"

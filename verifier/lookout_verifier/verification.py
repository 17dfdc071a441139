"""The whole verification: what it is given, and one finding for every promise."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lookout_verifier import account, opening
from lookout_verifier.anchors import check_anchors, read_anchors
from lookout_verifier.chain import Erasures, Signed, read_erasures
from lookout_verifier.deployments import live_deployments
from lookout_verifier.disk import judge_disk, judge_keys, scan_metrics
from lookout_verifier.files import Needle, Scan, files_below, needle, scan
from lookout_verifier.gallery import find_templates_in, judge_gallery
from lookout_verifier.keyring import KeyringReader, Snapshot, connected
from lookout_verifier.payloads import Payload, Sample
from lookout_verifier.processes import judge_core_dumps, with_children
from lookout_verifier.promises import DESTROYED, GALLERY, ORDER, Finding, Report, skipped
from lookout_verifier.schemas import Schemas
from lookout_verifier.signatures import judge_chain, judge_signatures
from lookout_verifier.survey import judge_topics, survey
from lookout_verifier.topics import KafkaData
from lookout_verifier.trust import RECEIPTS, Trust

_ERASURES = "erasures"
_PIXELATED = "previews"
# Looking for a key costs a walk over every byte: of many keys alive, so many are looked for.
_MOST_KEYS_SEARCHED = 64

Progress = Callable[[str, int, int], None]


class CannotVerifyError(Exception):
    """What was given is not enough to verify anything. Says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the verification is given. Whatever is left out is told as skipped, never passed over.

    ``gallery`` None says that nobody looked where galleries are; an empty list that none is there.
    """

    kafka: Sequence[Path]
    prefix: str = "lookout."
    schemas: Path | None = None
    trust: Path | None = None
    keyring: str | None = None
    scan: Sequence[Path] = ()
    gallery: Sequence[Path] | None = None
    galleries_of_others: int = 0
    anchors: Sequence[Path] = ()
    metrics: Sequence[str] = ()
    pids: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How thorough it is, and how long it waits for what is under way."""

    sample: int = 200
    settle_s: float = 20.0


def silent(_what: str, _done: int, _total: int) -> None:
    """Report no progress."""


def verify(sources: Sources, options: Options | None = None, progress: Progress = silent) -> Report:
    """Check every promise.

    Raises:
        CannotVerifyError: there is no account of keys where it was said to be.
        KafkaDataError, KeyringError, SchemasError, TrustError: a source was given and cannot be used.
    """
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        keyring = stack.enter_context(connected(sources.keyring)) if sources.keyring else None
        work = _Verification(sources, options or Options(), progress, keyring)
        found = {finding.promise: finding for finding in work.findings()}
    return Report([found[promise] for promise in ORDER], time.monotonic() - started)


@dataclass(slots=True)
class _Verification:
    sources: Sources
    options: Options
    progress: Progress
    keyring: KeyringReader | None
    data: KafkaData = field(init=False)
    schemas: Schemas = field(init=False)
    trust: Trust | None = field(init=False)

    def __post_init__(self) -> None:
        self.data = KafkaData(self.sources.kafka, prefix=self.sources.prefix)
        self.schemas = Schemas(self.sources.schemas)
        self.trust = Trust(self.sources.trust) if self.sources.trust else None
        if _ERASURES not in self.data.topics:
            raise CannotVerifyError(
                f"no topic {self.sources.prefix}{_ERASURES} in the data given: is the prefix right (--prefix), and are "
                "the folders those of the broker that has it?"
            )

    def findings(self) -> Sequence[Finding]:
        """One for every promise, in no order."""
        lines = read_anchors(self.sources.anchors)
        erasures = self._erasures()
        sample = Sample(self.options.sample)
        wanted = self._wanted(erasures)
        # Early: whoever starts a gallery clears away what a killed one left.
        gallery = self._gallery()
        found = survey(self.data, self.schemas, sample, wanted, self.progress)
        paths = self._paths()
        anchors = check_anchors(lines, erasures.hashes, self.trust)
        result = [
            judge_chain(erasures, anchors),
            judge_signatures(erasures, found, self.trust),
            gallery,
        ]
        snapshot = self._accounts(erasures, sample, result)
        result.append(opening.judge_nothing_opens(sample.taken(), paths, total=found.payloads))
        result.append(judge_topics(found, self.data))
        self._files(paths, snapshot, result)
        return result

    def _erasures(self) -> Erasures:
        return read_erasures(self.data.messages(_ERASURES), self.schemas, self._signed())

    def _signed(self) -> Signed | None:
        trust = self.trust
        if trust is None:
            return None
        return lambda signer, message, value: trust.signed(signer, message, value, role=RECEIPTS)

    def _wanted(self, erasures: Erasures) -> Callable[[Payload], bool]:
        """With a keyring, payloads whose receipt says destroyed; without one, nothing may open at all."""
        if self.keyring is None:
            return lambda _payload: True
        return lambda payload: erasures.ledger.destroyed(payload.key_id)

    def _accounts(
        self, erasures: Erasures, sample: Sample, result: list[Finding]
    ) -> Snapshot | None:
        if self.keyring is None:
            result.append(account.judge_without_keyring(erasures.ledger))
            result.append(
                skipped(
                    DESTROYED,
                    "no keyring to ask (see nothing-opens): it has ended, or was not given",
                )
            )
            return None
        self.progress("keyring", 0, 0)
        balance = account.judge_with_keyring(
            lambda: self._erasures().ledger, self.keyring.snapshot, settle_s=self.options.settle_s
        )
        destroyed = sum(block.destroyed.bit_count() for block in erasures.ledger.blocks.values())
        result.append(balance.finding)
        result.append(
            opening.judge_destroyed(sample.taken(), balance.risen, self.keyring, destroyed)
        )
        return balance.snapshot

    def _paths(self) -> Sequence[Path]:
        """Files to look through. Previews are pictures, pixelated by design, and galleries have their own promise."""
        previews = f"{self.sources.prefix}{_PIXELATED}-"
        galleries = {path.resolve() for path in self.sources.gallery or ()}

        def leave(folder: Path) -> bool:
            return folder.name.startswith(previews) or folder.resolve() in galleries

        return list(files_below([*self.sources.kafka, *self.sources.scan], leave=leave))

    def _files(
        self, paths: Sequence[Path], snapshot: Snapshot | None, result: list[Finding]
    ) -> None:
        needles = self._needles(snapshot)
        found = scan(paths, needles, self.progress)
        quiet = scan_metrics(self.sources.metrics, needles, found)
        self._look_for_keys_in_previews(needles, found)
        pids = sorted({one for pid in self.sources.pids for one in with_children(pid)})
        result.append(judge_disk(found, quiet))
        result.append(judge_keys(found, self.keyring, len(needles)))
        result.append(judge_core_dumps(pids, found.cores, looked_in=found.files))

    def _needles(self, snapshot: Snapshot | None) -> Sequence[Needle]:
        if self.keyring is None or snapshot is None:
            return ()
        some = sorted(snapshot.alive)[:: max(1, len(snapshot.alive) // _MOST_KEYS_SEARCHED)]
        return [needle(name, secret) for name, secret in self.keyring.secrets(some).items()]

    def _look_for_keys_in_previews(self, needles: Sequence[Needle], found: Scan) -> None:
        if not needles:
            return
        segments = [
            path
            for part in self.data.partitions()
            if part.topic == self.sources.prefix + _PIXELATED
            for path in part.segments()
        ]
        found.keys += scan(segments, needles, silent, plaintext=False).keys

    def _gallery(self) -> Finding:
        """Whoever is live before or after the look may have templates there: deployments open and close meanwhile."""
        if self.sources.gallery is None:
            return skipped(GALLERY, "no gallery's folder was given (--gallery)")
        before = live_deployments(self.data, self.schemas, self.trust)
        templates = find_templates_in(self.sources.gallery)
        after = live_deployments(self.data, self.schemas, self.trust)
        live = {name: state or before.get(name, False) for name, state in after.items()}
        return judge_gallery(templates, live, others=self.sources.galleries_of_others)

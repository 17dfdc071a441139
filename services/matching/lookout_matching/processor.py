"""Embeddings in, confirmed matches out; the key of everyone else's face destroyed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import structlog
from lookout import ids
from lookout.authority import Authority
from lookout.events import Deployment, Embedding, ErasureReason, Match
from lookout.sealing.envelope import open_sealed
from lookout.sealing.ports import (
    CannotOpenError,
    DataKey,
    Keyring,
    KeyringUnavailableError,
)
from lookout.stream.ports import Clock, Partition, Position, RetryableError
from lookout.stream.processor import Delivery, Outcome
from lookout.vision.arrays import FloatArray

from lookout_matching.domain import (
    BadTemplateError,
    Candidates,
    Confirmed,
    DecidedMatches,
    Shot,
    TrackScores,
    Verdict,
    read_template,
)
from lookout_matching.metrics import Metrics, Skip
from lookout_matching.ports import (
    Gallery,
    GalleryUnavailableError,
    Listed,
    UnknownCollectionError,
)
from lookout_matching.readiness import Readiness, Terms
from lookout_matching.settings import Settings
from lookout_matching.work import Live, TrackKey, Work

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Probe:
    """A delivery that may be compared, and on what terms."""

    delivery: Delivery[Embedding]
    deployment: Deployment
    terms: Terms


@dataclass(frozen=True, slots=True)
class _Compared:
    """A probe's shot. ``listed`` tells of the entry it claims, as it was listed at the comparison."""

    probe: _Probe
    shot: Shot
    listed: Listed | None


class MatchingProcessor:
    """`lookout.stream.processor.Processor` of `Embedding`.

    A face's key ends here unless its shot is pending (held until decided) or is the evidence of a match (its key then
    lives on for the evidence time, and is alerting's). Nothing is remembered of a call that raises: the same batch
    comes again.
    """

    def __init__(
        self,
        *,
        gallery: Gallery,
        readiness: Readiness,
        authority: Authority,
        keyring: Keyring,
        decided: DecidedMatches,
        metrics: Metrics,
        clock: Clock,
        settings: Settings,
        decided_known: Callable[[], bool] = lambda: True,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """``decided`` follows the topic of matches, ``decided_known`` tells whether it has caught up.

        ``timer`` measures searches.
        """
        self._gallery, self._readiness, self._authority = gallery, readiness, authority
        self._keyring = keyring
        self._decided, self._decided_known = decided, decided_known
        self._metrics, self._clock, self._timer = metrics, clock, timer
        self._freshness = timedelta(seconds=settings.freshness_s)
        self._wait = timedelta(seconds=settings.watchlist_wait_s)
        self._silence = timedelta(seconds=settings.silence_s)
        self._pending_ttl = timedelta(seconds=settings.silence_s + settings.pending_margin_s)
        self._memory = timedelta(seconds=settings.track_memory_s)
        self._evidence = timedelta(seconds=settings.evidence_s)
        self._tracks: dict[TrackKey, Live] = {}
        self._waiting: dict[str, datetime] = {}

    def process(self, batch: Sequence[Delivery[Embedding]]) -> Outcome:
        """See `Processor.process`."""
        if not self._decided_known():
            # A face that looks stale or unconfirmed now may turn out to be the evidence of an alert.
            raise RetryableError(
                "the matches made before are not known yet: their topic is being read"
            )
        work = Work(self._clock())
        probes = [probe for delivery in batch if (probe := self._admit(delivery, work))]
        compared = self._compare(self._open(probes, work))
        for one in compared:
            self._pool(one, work)
        self._prolong(work)
        return self._conclude(work, len(compared))

    def tick(self, now: datetime) -> Outcome:
        """See `Processor.tick`: silent tracks end, and with them what they left pending."""
        work = Work(now)
        for key, live in list(self._tracks.items()):
            if self._authority.deployment(key[0], now) is None:
                for shot in live.scores.pending:
                    work.destroy(shot.embedding, ErasureReason.DEPLOYMENT_CLOSED)
                work.outcome.released += live.held.values()
                del self._tracks[key]
            elif now - live.last_seen >= self._silence:
                self._settle(live.scores.silence(), live, work)
                if now - live.last_seen >= self._memory:
                    del self._tracks[key]
        self._decided.forget(now - self._evidence - self._memory)
        return self._conclude(work, 0)

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """See `Processor.revoked`: the successor gets what is pending, keys and all."""
        gone = set(partitions)
        self._tracks = {
            key: live for key, live in self._tracks.items() if live.partition not in gone
        }

    def drain(self) -> Outcome:
        """See `Processor.drain`: what is pending stays held, for the successor."""
        return Outcome()

    def _admit(self, delivery: Delivery[Embedding], work: Work) -> _Probe | None:
        """Whether a delivery may be compared; if not, it is finished with here."""
        event = delivery.event
        if seen := self._seen_before(event):
            work.skip(event, seen)
            return None
        deployment = self._authority.deployment(event.deployment_id, work.now)
        if deployment is None:
            work.skip(event, Skip.DEPLOYMENT_CLOSED, ErasureReason.DEPLOYMENT_CLOSED)
            return None
        if refusal := _refusal(event, deployment):
            work.reject(delivery, *refusal)
            return None
        if untimely := self._untimely(event, work.now):
            work.skip(event, untimely, ErasureReason.STALE)
            return None
        terms = self._readiness.terms(deployment)
        if not isinstance(terms, Terms):
            self._wait_for_watchlist(event.deployment_id, terms, work.now)
            work.skip(event, Skip.NO_WATCHLIST, ErasureReason.STALE)
        elif event.shot > terms.of_a_pass.shots:
            # The threshold holds for so many chances of a false match, whatever detection is set to.
            work.skip(event, Skip.TOO_MANY_SHOTS, ErasureReason.STALE)
        else:
            self._waiting.pop(event.deployment_id, None)
            return _Probe(delivery, deployment, terms)
        return None

    def _untimely(self, event: Embedding, now: datetime) -> Skip | None:
        """Why a face is too far from now to be compared."""
        if now - event.captured_at > self._freshness:
            return Skip.STALE
        return Skip.FROM_THE_FUTURE if event.captured_at - now > self._freshness else None

    def _seen_before(self, event: Embedding) -> Skip | None:
        """Why a face is not for us to decide (again): its key stays as it is."""
        if self._decided.is_evidence(event.face_id):
            return Skip.DECIDED_BEFORE
        live = self._tracks.get((event.deployment_id, event.track_id))
        return Skip.REPEATED if live and live.scores.knows(event.face_id) else None

    def _wait_for_watchlist(self, deployment_id: str, why: str, now: datetime) -> None:
        """Hold the stream for the first seconds: a watchlist may be on its way. After that, nothing waits."""
        since = self._waiting.setdefault(deployment_id, now)
        if now - since < self._wait:
            raise RetryableError(why)

    def _open(self, probes: Sequence[_Probe], work: Work) -> Sequence[tuple[_Probe, FloatArray]]:
        """Templates of those whose key is there and that open."""
        keys = self._keys([probe.delivery.event.template.key_id for probe in probes])
        opened: list[tuple[_Probe, FloatArray]] = []
        for probe, key in zip(probes, keys, strict=True):
            event = probe.delivery.event
            if key is None:
                work.skip(event, Skip.KEY_GONE)
                continue
            try:
                plain = open_sealed(key, event.template, what="template", whose=event.face_id)
                opened.append((probe, read_template(plain, probe.terms.roll.dim)))
            except CannotOpenError as error:
                work.reject(probe.delivery, "cannot_open", str(error))
            except BadTemplateError as error:
                work.reject(probe.delivery, "bad_template", str(error))
        return opened

    def _keys(self, key_ids: Sequence[str]) -> Sequence[DataKey | None]:
        if not key_ids:
            return []
        try:
            return self._keyring.get(key_ids)
        except KeyringUnavailableError as error:
            raise RetryableError(str(error)) from error

    def _compare(self, probes: Sequence[tuple[_Probe, FloatArray]]) -> Sequence[_Compared]:
        """One search per deployment; the result in the order of the probes."""
        found: dict[int, _Compared] = {}
        deployments = dict.fromkeys(probe.deployment.deployment_id for probe, _ in probes)
        for deployment_id in deployments:
            places = [
                place
                for place, (probe, _) in enumerate(probes)
                if probe.deployment.deployment_id == deployment_id
            ]
            answers = self._search(deployment_id, np.stack([probes[at][1] for at in places]))
            for place, candidates in zip(places, answers, strict=True):
                found[place] = _compared(probes[place][0], candidates)
        return [found[place] for place in range(len(probes))]

    def _search(self, deployment_id: str, probes: FloatArray) -> Sequence[Candidates]:
        started = self._timer()
        try:
            answers = self._gallery.search(deployment_id, probes)
        except (GalleryUnavailableError, UnknownCollectionError) as error:
            raise RetryableError(str(error)) from error
        self._metrics.search.observe(self._timer() - started)
        return answers

    def _pool(self, one: _Compared, work: Work) -> None:
        """Take a shot into its track, on a copy that is kept only if the whole batch succeeds."""
        event, position = one.shot.embedding, one.probe.delivery.position
        key = (event.deployment_id, event.track_id)
        live = work.tracks.get(key)
        if live is None:
            known = self._tracks.get(key)
            live = known.copy() if known else self._new_track(event, position, work.now)
            work.tracks[key] = live
        if live.scores.knows(event.face_id):
            work.skip(event, Skip.REPEATED)
            return
        live.last_seen = work.now
        live.held[event.face_id] = position
        work.arrived.add(position)
        verdicts = live.scores.pool(one.shot, one.probe.terms.rule)
        for verdict in verdicts:
            if isinstance(verdict, Confirmed) and one.listed is not None:
                match = _match(verdict, one.probe.deployment, one.listed, work.now)
                work.outcome.produce.append(match)
                work.evidence.append(match.thumbnail.key_id)
        self._settle(verdicts, live, work)

    def _new_track(self, event: Embedding, position: Position, now: datetime) -> Live:
        confirmed = self._decided.entries(event.deployment_id, event.track_id)
        return Live(position.partition, now, TrackScores(confirmed=confirmed))

    def _settle(self, verdicts: Sequence[Verdict], live: Live, work: Work) -> None:
        """Let go of the positions of decided shots, and of the keys of those that are no evidence."""
        for verdict in verdicts:
            embedding = verdict.shot.embedding
            position = live.held.pop(embedding.face_id)
            if position not in work.arrived:
                work.outcome.released.append(position)
            if not isinstance(verdict, Confirmed):
                work.destroy(embedding, verdict.reason)

    def _prolong(self, work: Work) -> None:
        """Give evidence its time, and pending shots the time to be decided (by a successor, if need be)."""
        pending = [
            shot.embedding.template.key_id
            for live in work.tracks.values()
            for shot in live.scores.pending
        ]
        try:
            kept = self._keyring.extend(work.evidence, self._evidence) if work.evidence else []
            if pending:
                self._keyring.extend(pending, self._pending_ttl)
        except KeyringUnavailableError as error:
            raise RetryableError(str(error)) from error
        # Alerted all the same: that somebody was there counts, though there is no picture to show for it.
        self._metrics.evidence_lost.inc(sum(not still_there for still_there in kept))

    def _conclude(self, work: Work, compared: int) -> Outcome:
        """From here on, what was decided is so."""
        self._tracks |= work.tracks
        for live in work.tracks.values():
            work.outcome.held += [at for at in live.held.values() if at in work.arrived]
        self._count(work, compared)
        for event in work.outcome.produce:
            if isinstance(event, Match):
                _log.info(
                    "match confirmed",
                    deployment_id=event.deployment_id,
                    match_id=event.match_id,
                    entry_id=event.entry_id,
                    camera_id=event.camera_id,
                )
        return work.outcome

    def _count(self, work: Work, compared: int) -> None:
        self._metrics.comparisons.inc(compared)
        self._metrics.matches.inc(len(work.evidence))
        self._metrics.unconfirmed.inc(work.unconfirmed)
        self._metrics.pending.set(sum(len(live.held) for live in self._tracks.values()))
        for skip, count in work.skipped.items():
            self._metrics.skipped.labels(skip.value).inc(count)


def _refusal(event: Embedding, deployment: Deployment) -> tuple[str, str] | None:
    """Why an embedding is not of this deployment's making."""
    if event.pack_sha256 != deployment.pack_sha256:
        return "wrong_pack", (
            f"template of pack {event.pack_sha256[:12]}…, but the deployment names {deployment.pack_sha256[:12]}…"
        )
    if event.template.key_id != event.thumbnail.key_id:
        return "two_keys", "template and thumbnail of a face must be under its one key"
    return None


def _compared(probe: _Probe, candidates: Candidates) -> _Compared:
    # A withdrawal takes an entry off the list before it leaves the gallery.
    listed = [
        (candidate, probe.terms.roll.listed.get(candidate.entry_id)) for candidate in candidates
    ]
    known = [(candidate, entry) for candidate, entry in listed if entry is not None]
    shot = Shot(
        embedding=probe.delivery.event,
        candidates=tuple(candidate for candidate, _ in known),
        threshold=probe.terms.threshold,
    )
    return _Compared(probe, shot, known[0][1] if known else None)


def _match(verdict: Confirmed, deployment: Deployment, listed: Listed, now: datetime) -> Match:
    shot, event = verdict.shot, verdict.shot.embedding
    return Match(
        deployment_id=event.deployment_id,
        match_id=ids.match_id(event.face_id, verdict.entry_id),
        entry_id=verdict.entry_id,
        face_id=event.face_id,
        track_id=event.track_id,
        camera_id=event.camera_id,
        captured_at=event.captured_at,
        matched_at=now,
        score=shot.score,
        threshold=shot.threshold,
        rank=1,
        margin=shot.margin,
        confirmed_by=verdict.agreeing,
        category=listed.category,
        response=listed.response,
        demonstration=deployment.demonstration,
        thumbnail=event.thumbnail,
    )

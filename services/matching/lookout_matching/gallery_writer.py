"""Keeps the gallery as the watchlist's signed records say, and says what is in force.

Followers' threads call `apply` and `heard`, a timer's `settle`. The runner's thread only reads rolls, and waits for none.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType

import numpy as np
import structlog
from lookout.events import WatchlistAction, WatchlistEntry, WatchlistState
from lookout.sealing.envelope import open_sealed
from lookout.sealing.ports import CannotOpenError, DataKey, KeyGoneError, Vault, VaultError
from lookout.stream.ports import Clock, StreamError
from lookout.watchlist import content_hash

from lookout_matching.domain import (
    TEMPLATES_PER_ENTRY,
    BadTemplateError,
    Candidates,
    read_template,
)
from lookout_matching.metrics import LeftOut, Metrics
from lookout_matching.ports import (
    Enrolment,
    Gallery,
    GalleryUnavailableError,
    Listed,
    Prospect,
    Prospects,
    Roll,
)

_BATCH = 32
_AGAIN = timedelta(seconds=1)
_SELF_MATCH = 0.99

_log = structlog.get_logger()


@dataclass(slots=True)
class _Book:
    """What is known of one deployment's watchlist. ``queue`` names entries whose place in the gallery is out of date."""

    deployment_id: str
    since: datetime
    latest: dict[str, WatchlistEntry] = field(default_factory=dict)
    enrolled: dict[str, WatchlistEntry] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    queue: dict[str, None] = field(default_factory=dict)
    listed: dict[str, Listed] = field(default_factory=dict)
    templates: dict[str, int] = field(default_factory=dict)
    held: int = 0
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    loaded: bool = False
    over: bool = False
    dirty: bool = True
    content_hash: str = ""
    hashed_at: datetime | None = None
    emitted: WatchlistState | None = None
    emitted_at: datetime | None = None

    def wanted(self, entry_id: str) -> bool:
        return entry_id in self.enrolled and entry_id not in self.withdrawn

    def hold(self, entry_id: str, templates: int) -> None:
        """Note how many templates of an entry the gallery has; 0 for none. ``held`` is their sum."""
        self.held += templates - self.templates.pop(entry_id, 0)
        if templates:
            self.templates[entry_id] = templates


class WatchlistWriter:
    """Owner of the gallery's content. Records must be verified before they come here."""

    def __init__(
        self,
        *,
        gallery: Gallery,
        vault: Vault,
        prospects: Prospects,
        pack_sha256: str,
        dim: int,
        emit: Callable[[WatchlistState], None],
        retract: Callable[[WatchlistState], None],
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        """``dim`` is that of the pack's templates. ``emit`` publishes a state; a `StreamError` is tried again.

        ``retract`` takes a deployment's state off its topic: matching's word that it has nothing of it any more.
        """
        self._gallery, self._vault, self._prospects = gallery, vault, prospects
        self._pack_sha256, self._dim = pack_sha256, dim
        self._emit, self._retract = emit, retract
        self._metrics, self._clock = metrics, clock
        self._lock = threading.Lock()
        self._books: dict[str, _Book] = {}
        self._rolls: dict[str, Roll] = {}
        # States that lie on their topic, this process's and those of earlier ones.
        self._told: dict[str, WatchlistState] = {}

    def roll(self, deployment_id: str) -> Roll | None:
        """See `Watchlists.roll`."""
        return self._rolls.get(deployment_id)

    def apply(self, record: WatchlistEntry) -> None:
        """Take in the next record of the topic; what is known already, or older, changes nothing.

        A withdrawal or purge is in force when this returns; an enrolment after the next `settle` at the latest.
        """
        now = self._clock()
        with self._lock:
            book = self._books.setdefault(record.deployment_id, _Book(record.deployment_id, now))
            known = book.latest.get(record.entry_id)
            if known is not None and (known == record or known.issued_at > record.issued_at):
                return
            _enter(book, record)
            if record.action is not WatchlistAction.ENROL or len(book.queue) >= _BATCH:
                self._work(book)
            self._publish(book)

    def heard(self, state: WatchlistState) -> None:
        """Note a state that lies on its topic, so that it is taken off when its deployment is over."""
        with self._lock:
            self._told[state.deployment_id] = state

    def settle(self, now: datetime) -> None:
        """Finish what is open: load expected deployments, drop those that are over, tell what is in force.

        To be called a few times a second. Blocks while it enrols.
        """
        with self._lock:
            for book in self._books.values():
                self._attend(book, now)
            cleared = self._drop_strays(now)
            self._metrics.templates.set(sum(roll.templates for roll in self._rolls.values()))
            due = [book for book in self._books.values() if _state_is_due(book, now)]
            states = [self._state(book) for book in due]
            gone = [state for state in self._told.values() if cleared and self._is_gone(state, now)]
        # Out of the lock: a withdrawal must not wait for a broker.
        for book, state in zip(due, states, strict=True):
            if state == book.emitted:
                continue
            try:
                self._emit(state)
            except StreamError as error:
                _log.warning("watchlist state not sent", why=str(error))
                continue
            book.emitted, book.emitted_at = state, now
            self.heard(state)
        for state in gone:
            self._take_off(state)

    def _is_gone(self, state: WatchlistState, now: datetime) -> bool:
        book = self._books.get(state.deployment_id)
        loaded = book is not None and book.loaded
        return not loaded and self._prospects.prospect(state.deployment_id, now) is Prospect.OVER

    def _take_off(self, state: WatchlistState) -> None:
        try:
            self._retract(state)
        except StreamError as error:
            _log.warning("watchlist state not taken off", why=str(error))
            return
        with self._lock:
            self._told.pop(state.deployment_id, None)
            book = self._books.get(state.deployment_id)
            if book is not None:
                book.emitted = book.emitted_at = None

    def _attend(self, book: _Book, now: datetime) -> None:
        prospect = self._prospects.prospect(book.deployment_id, now)
        book.over = prospect is Prospect.OVER
        if prospect is Prospect.EXPECTED and not book.loaded:
            self._load(book)
        elif book.over and book.loaded:
            self._unload(book, now)
        self._work(book)
        if book.dirty and (book.hashed_at is None or now - book.hashed_at >= _AGAIN):
            digest = content_hash(book.enrolled.values())
            if digest != book.content_hash:
                book.content_hash, book.since = digest, now
            book.dirty, book.hashed_at = False, now
        self._publish(book)

    def _load(self, book: _Book) -> None:
        try:
            self._gallery.create(book.deployment_id, self._dim)
        except GalleryUnavailableError as error:
            _log.warning("gallery not available", why=str(error))
            return
        book.loaded = True
        book.queue.update(dict.fromkeys(book.enrolled))

    def _unload(self, book: _Book, now: datetime) -> None:
        book.listed.clear()
        try:
            self._gallery.drop(book.deployment_id)
        except GalleryUnavailableError as error:
            _log.warning("gallery not available", why=str(error))
            return
        book.loaded = False
        book.since = now
        book.queue.clear()
        book.templates.clear()
        book.held = 0
        book.left_out.clear()
        _log.info("gallery dropped", deployment_id=book.deployment_id)

    def _drop_strays(self, now: datetime) -> bool:
        """Drop collections that an earlier process left behind on a server; whether none is left."""
        try:
            for deployment_id in self._gallery.deployments():
                book = self._books.get(deployment_id)
                if book is not None and book.loaded:
                    continue
                if self._prospects.prospect(deployment_id, now) is Prospect.OVER:
                    self._gallery.drop(deployment_id)
                    _log.info("gallery dropped", deployment_id=deployment_id)
        except GalleryUnavailableError as error:
            _log.warning("gallery not available", why=str(error))
            return False
        return True

    def _work(self, book: _Book) -> None:
        """Bring the gallery up to date with the queue; what it cannot take now stays queued."""
        if not book.loaded or not book.queue:
            return
        try:
            self._remove(book, [entry for entry in book.queue if not book.wanted(entry)])
            while batch := list(islice(book.queue, _BATCH)):
                self._enrol(book, batch)
        except GalleryUnavailableError as error:
            _log.warning("gallery not available", why=str(error), waiting=len(book.queue))

    def _remove(self, book: _Book, entry_ids: Sequence[str]) -> None:
        if not entry_ids:
            return
        self._gallery.withdraw(book.deployment_id, entry_ids)
        for entry_id in entry_ids:
            book.hold(entry_id, 0)
            book.left_out.pop(entry_id, None)
            book.queue.pop(entry_id, None)

    def _enrol(self, book: _Book, entry_ids: Sequence[str]) -> None:
        usable: list[Enrolment] = []
        refused: dict[str, LeftOut] = {}
        key = self._key(book.deployment_id)
        for entry_id in entry_ids:
            opened = self._open(book.enrolled[entry_id], key)
            if isinstance(opened, Enrolment):
                usable.append(opened)
            else:
                refused[entry_id] = opened
        if usable:
            self._gallery.enrol(book.deployment_id, usable)
            refused |= dict.fromkeys(self._not_found_again(book, usable), LeftOut.NOT_FOUND_AGAIN)
        if refused:
            # What they had before an enrolment that cannot be used is not theirs any more.
            self._gallery.withdraw(book.deployment_id, list(refused))
        for enrolment in usable:
            if enrolment.entry_id not in refused:
                self._list(book, enrolment)
        for entry_id, reason in refused.items():
            self._leave_out(book, entry_id, reason)
        for entry_id in entry_ids:
            book.queue.pop(entry_id, None)

    def _list(self, book: _Book, enrolment: Enrolment) -> None:
        record = book.enrolled[enrolment.entry_id]
        if record.category is None or record.response is None:
            return
        book.listed[enrolment.entry_id] = Listed(record.category, record.response)
        book.hold(enrolment.entry_id, len(enrolment.templates))
        book.left_out.pop(enrolment.entry_id, None)

    def _leave_out(self, book: _Book, entry_id: str, reason: LeftOut) -> None:
        book.listed.pop(entry_id, None)
        book.hold(entry_id, 0)
        book.left_out[entry_id] = reason
        self._metrics.left_out.labels(reason.value).inc()
        _log.warning(
            "watchlist entry left out",
            deployment_id=book.deployment_id,
            entry_id=entry_id,
            reason=reason.value,
        )

    def _key(self, deployment_id: str) -> DataKey | None:
        try:
            return self._vault.get(f"watchlist/{deployment_id}")
        except (KeyGoneError, VaultError) as error:
            _log.warning("watchlist key missing", deployment_id=deployment_id, why=str(error))
            return None

    def _open(self, record: WatchlistEntry, key: DataKey | None) -> Enrolment | LeftOut:
        if record.pack_sha256 != self._pack_sha256:
            return LeftOut.WRONG_PACK
        complete = record.category is not None and record.response is not None
        if not complete or not 1 <= len(record.templates) <= TEMPLATES_PER_ENTRY:
            return LeftOut.INCOMPLETE
        if key is None:
            return LeftOut.NO_KEY
        try:
            rows = [
                read_template(
                    open_sealed(key, sealed, what="watchlist-template", whose=record.entry_id),
                    self._dim,
                )
                for sealed in record.templates
            ]
        except CannotOpenError:
            return LeftOut.CANNOT_OPEN
        except BadTemplateError:
            return LeftOut.BAD_TEMPLATE
        return Enrolment(record.entry_id, np.stack(rows))

    def _not_found_again(self, book: _Book, enrolments: Sequence[Enrolment]) -> Sequence[str]:
        """Search every template just enrolled: entries that do not come back are not really there."""
        owners = [e.entry_id for e in enrolments for _ in e.templates]
        probes = np.concatenate([enrolment.templates for enrolment in enrolments])
        answers = self._gallery.search(book.deployment_id, probes)
        lost: dict[str, None] = {}
        alike: dict[str, None] = {}
        for owner, answer in zip(owners, answers, strict=True):
            others = [c for c in answer if c.entry_id != owner and c.score > _SELF_MATCH]
            if others:
                alike[owner] = None
            if not _found(owner, answer):
                lost[owner] = None
        for entry_id in alike:
            self._metrics.lookalikes.inc()
            _log.warning(
                "two entries look the same", deployment_id=book.deployment_id, entry_id=entry_id
            )
        return list(lost)

    def _publish(self, book: _Book) -> None:
        """Make the book's present state what readers see."""
        in_force = book.loaded and not book.dirty and not book.queue
        self._rolls[book.deployment_id] = Roll(
            deployment_id=book.deployment_id,
            pack_sha256=self._pack_sha256,
            dim=self._dim,
            content_hash=book.content_hash if in_force else None,
            listed=MappingProxyType(book.listed),
            templates=book.held,
            withdrawn=len(book.withdrawn),
            left_out=len(book.left_out),
            since=book.since,
        )

    def _state(self, book: _Book) -> WatchlistState:
        return WatchlistState(
            deployment_id=book.deployment_id,
            content_hash=book.content_hash if book.loaded else content_hash(()),
            entries=len(book.listed),
            withdrawn=len(book.withdrawn) if book.loaded else 0,
            pack_sha256=self._pack_sha256,
            since=book.since,
        )


def _enter(book: _Book, record: WatchlistEntry) -> None:
    """Write a record into the book. Whatever it says, the entry's place in the gallery is now out of date."""
    book.latest[record.entry_id] = record
    if record.action is WatchlistAction.ENROL:
        book.enrolled[record.entry_id] = record
        book.withdrawn.discard(record.entry_id)
        book.dirty = True
    elif record.action is WatchlistAction.WITHDRAW:
        if record.entry_id in book.enrolled:
            book.withdrawn.add(record.entry_id)
    else:
        book.enrolled.pop(record.entry_id, None)
        book.withdrawn.discard(record.entry_id)
        book.dirty = True
    if record.action is not WatchlistAction.ENROL:
        # Before the gallery: from here on no match can name it, whatever a search still finds.
        book.listed.pop(record.entry_id, None)
    book.queue[record.entry_id] = None


def _state_is_due(book: _Book, now: datetime) -> bool:
    if book.over or (book.dirty and book.hashed_at is None):
        return False
    ever_of_use = book.loaded or book.emitted is not None
    return ever_of_use and (book.emitted_at is None or now - book.emitted_at >= _AGAIN)


def _found(owner: str, answer: Candidates) -> bool:
    """Whether an entry came back, or only others exactly as near stand in its place."""
    if any(c.entry_id == owner and c.score > _SELF_MATCH for c in answer):
        return True
    return bool(answer) and all(c.score > _SELF_MATCH for c in answer)

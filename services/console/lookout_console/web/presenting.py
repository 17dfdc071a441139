"""What a page says of an alert, a deployment, an import: facts into words, by who reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lookout_console.actions.raised import Raised
from lookout_console.actions.shift import Words
from lookout_console.actions.watchlists import Job
from lookout_console.domain.alerts import Adjudication
from lookout_console.domain.watchlists import Outcome
from lookout_console.web.words import ADJUDICATION, ASKED, CATEGORY, plain

_TEST: Final = "A test of the way to the console and the handsets. Answer it; nobody is sought."
_OUTCOME_KIND: Final = {Outcome.ACCEPTED: "good", Outcome.WARNING: "warn", Outcome.REFUSED: "bad"}


def milliseconds(at: datetime) -> int:
    """A time as scripts count it."""
    return int(at.timestamp() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCard:
    """An alert, as a card or the head of its page shows it. Its score is not among it."""

    alert_id: str
    standing: str
    response: str
    grade_word: str
    asked: str
    since_ms: int
    age_words: str
    seen_at: str
    category: str
    reason: str
    place: str
    contact: str
    mark: str
    standing_words: str
    pictures: frozenset[str]
    may_claim: bool
    answers: tuple[tuple[str, str, str], ...]
    links: tuple[tuple[str, str, str], ...]
    delivery_words: str
    enrolled_words: str
    name: str
    words: str
    technical: str = ""


def card_of(raised: Raised, *, adjudicates: bool, named: bool = False) -> AlertCard:
    """The card. ``adjudicates``: whether its reader may claim and decide; ``named``: whether they may know the name."""
    said = raised.said
    standing = "over" if raised.over else "claimed" if raised.claimed_by else "open"
    gone = "The list is purged: nothing of this person is kept."
    seen = {"seen"} if raised.has_picture else set()
    grade = raised.response.upper()
    return AlertCard(
        alert_id=raised.alert_id,
        standing=standing,
        response=raised.response,
        grade_word=grade,
        asked=ASKED[raised.response],
        since_ms=milliseconds(raised.alerted_at),
        age_words="over" if raised.over else "0:00",
        seen_at=f"{raised.captured_at:%H:%M:%S}",
        category="Test alert" if raised.test else CATEGORY[raised.category],
        reason=said.reason if said else _TEST if raised.test else gone,
        place=f"{raised.place} · camera {', '.join(raised.cameras) or raised.camera}",
        contact=said.contact if said else "",
        mark=_mark(raised),
        standing_words=_standing_words(raised),
        pictures=frozenset(seen | ({"enrolled"} if said else set())),
        may_claim=adjudicates and standing == "open",
        answers=_answers(raised),
        links=()
        if raised.adjudication is not Adjudication.WAITING
        else (("same", "Viable", ""), ("different", "Not viable", "")),
        delivery_words=_delivery_words(raised),
        enrolled_words=f"{said.image_source}, {said.image_date:%d %B %Y}" if said else "",
        name=said.name if said and named else "",
        words=f"New alert: {grade}, {CATEGORY[raised.category]}, {raised.place}",
    )


def _answers(raised: Raised) -> tuple[tuple[str, str, str], ...]:
    if raised.over:
        return ()
    seen = ("seen", "Got it", "")
    # Nobody is met on an alert that has not been found viable.
    if raised.adjudication is Adjudication.VIABLE:
        return (seen, ("engaging", "Engaging", "first"))
    return (seen,)


def _mark(raised: Raised) -> str:
    if raised.test:
        return "Test alert"
    if raised.seeded:
        # Said once it is decided, and not before: it would tell the answer.
        return "Planted, known to be false" if raised.over else ""
    if raised.blue:
        return "Blue list: a volunteer"
    return "Demonstration" if raised.demonstration else ""


def _standing_words(raised: Raised) -> str:
    if raised.engagement is not None:
        return f"Met: {plain(raised.engagement.truth).lower()}"
    if raised.adjudication is not Adjudication.WAITING:
        return ADJUDICATION[raised.adjudication]
    done, who = raised.looked, raised.claimed_by
    # How many have looked is told, what they saw is not: the second is blind to the first.
    looked = f"{done} of {raised.wanted} have decided" if done else ""
    claimed = f"{raised.claimed_shown or who} has this one" if who else "Nobody has this one yet"
    return " · ".join(part for part in (claimed, looked) if part)


def _delivery_words(raised: Raised) -> str:
    sent = raised.deliveries
    answered = sum(bool(one.answer) for one in sent)
    return f"{len(sent)} have it, {answered} answered" if sent else "none has it yet"


def technical_of(raised: Raised) -> str:
    """The comparison in one line, for who may see it: never a percentage."""
    return f"Score {raised.score:.2f}, threshold {raised.threshold:.2f}."


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLine:
    """A message as it is listed."""

    message_id: int
    at: str
    who: str
    words: str


def message_of(words: Words) -> MessageLine:
    """The line of a message."""
    return MessageLine(
        message_id=words.number, at=f"{words.at:%H:%M}", who=words.shown, words=words.words
    )


def progress_of(job: Job) -> Mapping[str, Any]:
    """An import as its panel shows it."""
    counts = ", ".join(f"{job.counts[kind]} {kind}" for kind in Outcome)
    done = "Done" if job.ended else "Under way"
    words = job.trouble or f"{done}: {job.done} of {job.rows} rows looked at; {counts}."
    left = job.done - len(job.verdicts)
    return {
        "import_id": job.import_id,
        "file": job.file,
        "words": words,
        "rows": job.rows,
        "done": job.done,
        "verdicts": [
            {
                "row": one.row,
                "reference": one.reference,
                "kind": _OUTCOME_KIND[one.outcome],
                "word": plain(one.outcome),
                "why": one.why,
            }
            for one in job.verdicts
        ],
        "more": f"{left} rows before these are not shown." if left > 0 else "",
    }

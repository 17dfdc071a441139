"""Changes into words for open pages: rendered once per kind of page, whoever listens."""

import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from lookout_console.actions.desk import Actor
from lookout_console.actions.raised import Raised
from lookout_console.actions.shift import Banner
from lookout_console.domain.alerts import EXPIRES_AFTER, Adjudication
from lookout_console.domain.deployments import Stage, Step
from lookout_console.domain.roles import Role
from lookout_console.web.hub import EVERYWHERE
from lookout_console.web.office import Office
from lookout_console.web.presenting import card_of, message_of, milliseconds, progress_of
from lookout_console.web.words import STATE

QUEUE: Final = "queue"
WATCH: Final = "watch"
HANDSET: Final = "handset"
WATCHLIST: Final = "watchlist"
ALERT: Final = "alert"
CHECK: Final = "check"
ALERTS: Final = "alerts"
EVERYBODY: Final = "all"
_LOOKS: Final = ((QUEUE, True, "queue"), (WATCH, False, "queue"), (HANDSET, True, "handset"))
"""Each view of an alert: whether its readers decide, and which card they see."""
_RATE_EVERY: Final = timedelta(seconds=5)
_CEILING: Final = Actor(
    account_id="rate-ceiling", shown="The rate ceiling", roles=frozenset({Role.COMMANDER})
)
_OVER: Final = frozenset({Stage.ENDED, Stage.CANCELLED, Stage.PURGED})


def to_account(account_id: str) -> str:
    """The view of one account's own streams."""
    return f"to:{account_id}"


class Teller:
    """Keeps the pages of one console process live."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._banner: Banner | None = None
        self._waiting: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()
        self._canary_at: datetime | None = None
        self._rate_at: datetime | None = None
        self._seen: dict[str, tuple[object, ...]] = {}

    def begin(self) -> None:
        """Know of the alerts that waited when the console was started; nobody is told of them anew."""
        known = self._office.deployments.current()
        if known is None:
            return
        waiting = self._office.alerts.all(known.deployment_id)
        with self._lock:
            for raised in waiting:
                if not raised.over:
                    self._waiting[known.deployment_id, raised.alert_id] = raised.alerted_at

    def tell(self, kind: str, deployment_id: str, subject: str) -> None:
        """Say that something changed."""
        if kind == "alert":
            self._alert(deployment_id, subject)
        elif kind == "deployment":
            self._deployment(deployment_id)
        elif kind == "import":
            self._import(deployment_id, subject)
        elif kind == "message":
            self._message(deployment_id, subject)
        elif kind == "wipe":
            why = "It was reported lost."
            self._office.hub.publish("wipe", {to_account(subject): {"why": why}})
            if self._office.push is not None:
                self._office.push.forget(subject)

    def turn(self) -> None:
        """What time alone changes: the window, the banner, alerts that expire, canaries, webhooks."""
        office = self._office
        office.deployments.end_overdue()
        known = office.deployments.current()
        banner = office.banner(known)
        if banner != self._banner:
            self._banner = banner
            data = {
                "state": banner.state,
                "word": STATE[banner.state],
                "reason": banner.reason,
                "since": milliseconds(banner.since),
            }
            office.hub.publish("status", {EVERYBODY: data})
        self._expire()
        if known is not None and known.stage is Stage.LIVE:
            self._canary(known.deployment_id)
            self._hold_to_ceiling(known.deployment_id)

    def canary(self, deployment_id: str) -> None:
        """Send a canary to every handset now."""
        data = {"id": str(uuid.uuid4())}
        self._office.hub.publish("canary", {HANDSET: data}, scope=deployment_id)

    def _canary(self, deployment_id: str) -> None:
        now = self._office.now()
        if self._canary_at is None or now - self._canary_at >= self._office.canary_every:
            self._canary_at = now
            self.canary(deployment_id)

    def _hold_to_ceiling(self, deployment_id: str) -> None:
        """Stop what raises too many false alerts, where that is the policy; going live again is a person's decision."""
        now = self._office.now()
        due = self._rate_at is None or now - self._rate_at >= _RATE_EVERY
        if not self._office.stops_above_ceiling or not due:
            return
        self._rate_at = now
        reason = self._office.records.above_ceiling(deployment_id)
        if reason:
            self._office.deployments.step(_CEILING, deployment_id, Step.STOP, reason)

    def _expire(self) -> None:
        """Ask the store only for those whose time is over: there may be a thousand that wait."""
        due = self._office.now() - EXPIRES_AFTER
        with self._lock:
            old = [one for one, raised_at in self._waiting.items() if raised_at <= due]
        for deployment_id, alert_id in old:
            raised = self._office.alerts.get(alert_id)
            if raised.over:
                self._alert(deployment_id, alert_id)
            elif raised.adjudication is Adjudication.VIABLE:
                # Officers are on it: it does not expire any more.
                with self._lock:
                    self._waiting[deployment_id, alert_id] = datetime.max.replace(tzinfo=UTC)

    def _alert(self, deployment_id: str, alert_id: str) -> None:
        office = self._office
        raised = office.alerts.get(alert_id)
        with self._lock:
            new = (deployment_id, alert_id) not in self._waiting
            if raised.over:
                self._waiting.pop((deployment_id, alert_id), None)
            elif new:
                self._waiting[deployment_id, alert_id] = raised.alerted_at
            count = sum(deployment == deployment_id for deployment, _ in self._waiting)
        facts = {}
        for view, adjudicates, look in _LOOKS:
            if view == HANDSET and raised.seeded:
                continue  # nobody on the street is sent after somebody who is not there
            card = card_of(raised, adjudicates=adjudicates)
            facts[view] = {
                "id": alert_id,
                "html": office.pages.macro("card.html", "card", card, look),
                "response": raised.response,
                "over": raised.over,
                "words": card.words,
            }
        words: list[tuple[str, Mapping[str, object]]] = [("alert", facts)]
        if self._touched(raised):
            words.append(("touched", {ALERT: {"id": alert_id}}))
        words.append(("waiting", {ALERTS: {"waiting": count}}))
        if raised.test:
            words.append(("check", {CHECK: {"id": alert_id}}))
        office.hub.publish_all(words, scope=deployment_id)
        if new and not (raised.test or raised.over or raised.seeded):
            self._outside("alert.raised", deployment_id, alert_id)
            grade = raised.response.upper()
            office.channels.tell("Lookout: alert", f"{grade} at {raised.place}. Open the console.")
            self._wake(deployment_id)

    def _touched(self, raised: Raised) -> bool:
        """Whether somebody has acted on an alert: whoever looks at it is told that, and not what they saw."""
        now = (raised.claimed_by, raised.looked, raised.adjudication, raised.engagement is None)
        with self._lock:
            before = self._seen.get(raised.alert_id)
            if raised.over:
                self._seen.pop(raised.alert_id, None)
            else:
                self._seen[raised.alert_id] = now
        return before is not None and before != now

    def _wake(self, deployment_id: str) -> None:
        """Push to the handsets whose page is not open now."""
        push = self._office.push
        if push is None:
            return
        away = frozenset(
            one.account_id
            for one in self._office.shift.handsets(deployment_id)
            if not one.online and not one.wiped
        )
        if away:
            threading.Thread(target=push.push, args=(away,), daemon=True).start()

    def _outside(self, kind: str, deployment_id: str, subject: str) -> None:
        facts = {"deployment_id": deployment_id, "id": subject}
        self._office.webhooks.enqueue(kind, subject, facts)

    def _deployment(self, deployment_id: str) -> None:
        office = self._office
        known = office.deployments.get(deployment_id)
        data = {"id": deployment_id, "state": known.stage}
        office.hub.publish("deployment", {EVERYBODY: data}, scope=EVERYWHERE)
        if known.stage in _OVER:
            with self._lock:
                for one in [one for one in self._waiting if one[0] == deployment_id]:
                    del self._waiting[one]
            why = "The deployment has ended."
            office.hub.publish("wipe", {HANDSET: {"why": why}}, scope=deployment_id)
        self._outside(f"deployment.{known.stage}", deployment_id, deployment_id)
        said = f"{known.plan.title} is {known.stage}."
        office.channels.tell("Lookout: deployment", said)
        self.turn()

    def _import(self, deployment_id: str, import_id: str) -> None:
        office = self._office
        job = office.watchlists.job(import_id)
        html = office.pages.macro("import_progress.html", "progress", progress_of(job))
        data = {"id": import_id, "html": html, "done": job.ended}
        office.hub.publish("import", {WATCHLIST: data}, scope=deployment_id)

    def _message(self, deployment_id: str, number: str) -> None:
        office = self._office
        for words in office.shift.words(deployment_id):
            if words.number == int(number):
                html = office.pages.macro("message.html", "line", message_of(words))
                views = (QUEUE, WATCH, HANDSET)
                data = {"html": html}
                office.hub.publish("message", dict.fromkeys(views, data), scope=deployment_id)

"""Reads the topics as they grow, and keeps of them what tells the fate of planted passes, keys and decisions. No picture, no template."""

import threading
from collections import Counter
from datetime import datetime

from lookout.events import (
    Alert,
    DeadLetter,
    Decision,
    Embedding,
    Erasure,
    ErasureReason,
    Face,
    Frame,
    Receipt,
)
from lookout.hosting.platform import Platform

from lookout_cli.chaos.account import Seen, Shot


class Watching:
    """Follows the topics on threads of their own, through every fault: what is lost sight of is read again from the beginning."""

    def __init__(self, platform: Platform, deployment_id: str) -> None:
        self._deployment_id = deployment_id
        self._lock = threading.Lock()
        self.seen = Seen()
        self.decisions: set[str] = set()
        self.dead_letters: Counter[str] = Counter()
        self._with_chips: set[str] = set()
        self._letters: set[tuple[str, int, int]] = set()
        self._processed: dict[datetime, datetime] = {}
        platform.follow(Alert, self._alert)
        platform.follow(Face, self._shot)
        platform.follow(Embedding, self._shot)
        platform.follow(Frame, self._frame)
        platform.follow(Erasure, self._erasure)
        platform.follow(Decision, self._decision)
        platform.follow(DeadLetter, self._letter)

    def alerts(self) -> list[Alert]:
        """First revisions so far."""
        with self._lock:
            return list(self.seen.alerts.values())

    def snapshot(self) -> Seen:
        """What has been seen so far, apart from what is still being written."""
        with self._lock:
            return Seen(
                alerts=dict(self.seen.alerts),
                shots=dict(self.seen.shots),
                frames=dict(self.seen.frames),
                ends=dict(self.seen.ends),
            )

    def recovered_at(self, since: datetime) -> datetime | None:
        """When all worked again for what was captured after ``since``: a pass alerted, and a camera's frame looked at.

        A pass that came in as templates does not count: it says nothing of embedding.
        """
        with self._lock:
            alerted = [
                alert.alerted_at
                for alert in self.seen.alerts.values()
                if alert.captured_at >= since and alert.sightings[0].track_id in self._with_chips
            ]
            looked = [done for taken, done in self._processed.items() if taken >= since]
        return max(min(alerted), min(looked)) if alerted and looked else None

    def _alert(self, alert: Alert) -> None:
        if alert.deployment_id == self._deployment_id and alert.revision == 1:
            with self._lock:
                self.seen.alerts.setdefault(alert.alert_id, alert)

    def _shot(self, shot: Face | Embedding) -> None:
        key = shot.chip.key_id if isinstance(shot, Face) else shot.template.key_id
        with self._lock:
            if isinstance(shot, Face):
                self._with_chips.add(shot.track_id)
            self.seen.shots.setdefault(
                shot.face_id,
                Shot(
                    track_id=shot.track_id,
                    camera_id=shot.camera_id,
                    key_id=key,
                    captured_at=shot.captured_at,
                ),
            )

    def _frame(self, frame: Frame) -> None:
        with self._lock:
            self.seen.frames[frame.image.key_id] = frame.captured_at

    def _erasure(self, erasure: Erasure) -> None:
        for receipt in erasure.receipts.receipts if erasure.receipts else ():
            with self._lock:
                self._ended(erasure.block_id, receipt)

    def _ended(self, block_id: str, receipt: Receipt) -> None:
        for number in range(receipt.first, receipt.first + receipt.count):
            self.seen.ends.setdefault(f"{block_id}:{number}", receipt.reason)
        if receipt.reason is ErasureReason.PROCESSED and receipt.captured_at is not None:
            self._processed.setdefault(receipt.captured_at, receipt.destroyed_at)

    def _decision(self, decision: Decision) -> None:
        self.decisions.add(decision.decision_id)

    def _letter(self, letter: DeadLetter) -> None:
        place = letter.source_topic, letter.source_partition, letter.source_offset
        if place not in self._letters:
            self._letters.add(place)
            self.dead_letters[letter.source_topic] += 1

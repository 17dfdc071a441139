"""What the services tell: faces counted and certificates of purges, gathered from followed topics and kept by turns."""

import threading
from collections import defaultdict
from collections.abc import Callable

from lookout.events import PurgeCertificate, Track


class FaceCount:
    """Counts tracks that ended, each once, however often its record is read. Ids of tracks only, in memory only.

    One person may pass twice, and is then two tracks: the count is approximate, and stated so.
    """

    def __init__(self, keep: Callable[[str, int], None]) -> None:
        """``keep`` is given a deployment and the number of its faces so far."""
        self._keep = keep
        self._lock = threading.Lock()
        self._tracks: dict[str, set[str]] = defaultdict(set)
        self._changed: set[str] = set()

    def heard(self, track: Track) -> None:
        """Take the end of a track. Called from the follower's thread; never blocks."""
        with self._lock:
            known = self._tracks[track.deployment_id]
            if track.track_id not in known:
                known.add(track.track_id)
                self._changed.add(track.deployment_id)

    def turn(self) -> None:
        """Keep what has changed. What fails is tried again the next time."""
        with self._lock:
            counts = {one: len(self._tracks[one]) for one in self._changed}
            self._changed.clear()
        for deployment_id, count in counts.items():
            try:
                self._keep(deployment_id, count)
            except Exception:
                with self._lock:
                    self._changed.update(counts)
                raise


class Certificates:
    """The certificates that were heard of and not kept yet."""

    def __init__(self, keep: Callable[[PurgeCertificate], None]) -> None:
        """``keep`` may be given the same certificate twice."""
        self._keep = keep
        self._lock = threading.Lock()
        self._heard: list[PurgeCertificate] = []

    def heard(self, certificate: PurgeCertificate) -> None:
        """Take a verified certificate. Called from the follower's thread; never blocks."""
        with self._lock:
            self._heard.append(certificate)

    def turn(self) -> None:
        """Keep what was heard of. What fails is tried again the next time."""
        with self._lock:
            heard, self._heard = self._heard, []
        for number, certificate in enumerate(heard):
            try:
                self._keep(certificate)
            except Exception:
                with self._lock:
                    self._heard = heard[number:] + self._heard
                raise

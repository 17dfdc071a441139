"""How well faces are followed against known truth, in the terms of CLEAR MOT (Bernardin and Stiefelhagen 2008). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from lookout.vision.arrays import FloatArray
from lookout.vision.boxes import iou_matrix
from scipy.optimize import linear_sum_assignment

from lookout_cli.evaluate.crowd import Truth

_SAME = 0.3
"""Overlap from which a followed box is taken for a true one: they were drawn by different hands."""


@dataclass(slots=True)
class _Person:
    track: str | None = None
    tracks: set[str] = field(default_factory=set)
    seen: int = 0
    followed: int = 0
    broken: bool = False


class FollowingCount:
    """Counts, frame by frame, whose face is followed under which track."""

    def __init__(self) -> None:
        self._people: dict[int, _Person] = {}
        self._tracks: set[str] = set()
        self.switches = 0
        """Times a person's face went on under another track than before."""
        self.fragmentations = 0
        """Times a person in plain view was not followed for a while, and then again."""

    def frame(self, truth: Truth, boxes: FloatArray, tracks: Sequence[str]) -> None:
        """One frame: the faces in plain view, and the followed ones, boxes (N, 4) xyxy and their tracks."""
        self._tracks.update(tracks)
        pairs = self._pairs(truth, boxes, tracks)
        for row, walk in enumerate(truth.walks):
            person = self._people.setdefault(walk, _Person())
            person.seen += 1
            track = pairs.get(row)
            if track is None:
                person.broken = person.track is not None
                continue
            self.fragmentations += person.broken
            self.switches += person.track not in {None, track}
            person.track, person.broken = track, False
            person.tracks.add(track)
            person.followed += 1

    @property
    def passes(self) -> int:
        """People who were in plain view at least once."""
        return len(self._people)

    @property
    def tracks(self) -> int:
        """Tracks in all, of whomever or whatever."""
        return len(self._tracks)

    @property
    def missed(self) -> int:
        """People who were never followed."""
        return sum(not person.tracks for person in self._people.values())

    @property
    def coverage(self) -> float:
        """Share of the sights in plain view that were followed."""
        seen = sum(person.seen for person in self._people.values())
        return sum(person.followed for person in self._people.values()) / seen if seen else 0.0

    def _pairs(self, truth: Truth, boxes: FloatArray, tracks: Sequence[str]) -> dict[int, str]:
        """The track of each true face; one that still fits its last track keeps it, as CLEAR MOT has it."""
        overlap = iou_matrix(truth.boxes, boxes)
        for row, walk in enumerate(truth.walks):
            last = self._people[walk].track if walk in self._people else None
            for column, track in enumerate(tracks):
                if track == last and overlap[row, column] >= _SAME:
                    overlap[row, column] += 1
        return _best(overlap, tracks)


def _best(overlap: npt.NDArray[np.float32], tracks: Sequence[str]) -> dict[int, str]:
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return {
        int(row): tracks[int(column)]
        for row, column in zip(rows, columns, strict=True)
        if overlap[row, column] >= _SAME
    }

"""Who on a list looks like whom: the same person twice, relatives, or pictures that got mixed up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lookout.vision.arrays import FloatArray

_FIRST_ROWS = 256


@dataclass(frozen=True, slots=True)
class Collision:
    """Two references whose pictures look like one person's; ``score`` is the highest cosine between any two of them."""

    first: str
    second: str
    score: float


class Gallery:
    """Templates with their references; grows by doubling, so that adding costs nothing much."""

    def __init__(self, dim: int) -> None:
        self._templates = np.zeros((_FIRST_ROWS, dim), dtype=np.float32)
        self._references: list[str] = []
        self._rows: dict[str, list[int]] = {}
        self._pictures: dict[bytes, str] = {}

    def add(self, reference: str, template: FloatArray) -> None:
        """Add a template, (dim,) of length 1."""
        row = len(self._references)
        if row == len(self._templates):
            self._templates = np.concatenate([self._templates, np.zeros_like(self._templates)])
        self._templates[row] = template
        self._references.append(reference)
        self._rows.setdefault(reference, []).append(row)

    def saw(self, reference: str, fingerprint: bytes) -> None:
        """Remember a picture by the digest of its pixels."""
        self._pictures.setdefault(fingerprint, reference)

    def same_picture(self, fingerprint: bytes) -> str:
        """The reference that has this picture already; empty where nobody has."""
        return self._pictures.get(fingerprint, "")

    def warnings(self, reference: str, template: FloatArray, threshold: float) -> list[str]:
        """What is suspicious about adding this template, in words.

        One warning for the most alike other reference at or above the threshold; one where the reference's own
        earlier pictures are all below it.
        """
        count = len(self._references)
        if count == 0:
            return []
        scores = self._templates[:count] @ template
        own = self._rows.get(reference, [])
        same = scores[own]
        scores[own] = -np.inf
        found = []
        nearest = int(np.argmax(scores))
        if scores[nearest] >= threshold:
            found.append(
                f"{reference} looks like {self._references[nearest]}: the same person twice, a relative, or a mix-up?"
            )
        if own and float(same.max()) < threshold:
            found.append(
                f"this picture does not look like the other pictures of {reference}: is it the right person?"
            )
        return found

    def collisions(self, threshold: float) -> Sequence[Collision]:
        """Every pair of different references that reach the threshold, most alike first."""
        count = len(self._references)
        highest: dict[tuple[str, str], float] = {}
        for row in range(count):
            scores = self._templates[row + 1 : count] @ self._templates[row]
            for other in np.flatnonzero(scores >= threshold):
                pair = tuple(
                    sorted((self._references[row], self._references[row + 1 + int(other)]))
                )
                if pair[0] != pair[1]:
                    key = (pair[0], pair[1])
                    highest[key] = max(highest.get(key, -1.0), float(scores[other]))
        found = [Collision(first, second, score) for (first, second), score in highest.items()]
        return sorted(found, key=lambda one: (-one.score, one.first, one.second))

"""Who on a list looks like whom: the same person twice, relatives, or pictures that got mixed up."""

import numpy as np

from lookout.vision.arrays import FloatArray

_FIRST_ROWS = 256


class Gallery:
    """Templates with their references; grows by doubling, so that adding costs nothing much."""

    def __init__(self, dim: int) -> None:
        self._templates = np.zeros((_FIRST_ROWS, dim), dtype=np.float32)
        self._references: list[str] = []
        self._rows: dict[str, list[int]] = {}

    def add(self, reference: str, template: FloatArray) -> None:
        """Add a template, (dim,) of length 1."""
        row = len(self._references)
        if row == len(self._templates):
            self._templates = np.concatenate([self._templates, np.zeros_like(self._templates)])
        self._templates[row] = template
        self._references.append(reference)
        self._rows.setdefault(reference, []).append(row)

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

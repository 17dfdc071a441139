"""What counts as a template: a direction. Whoever takes one in asks here first."""

import numpy as np

from lookout.vision.arrays import FloatArray

_LENGTH_TOLERANCE = 1e-3


def is_template(vector: FloatArray) -> bool:
    """Whether a vector of shape (D,) can be compared by its cosine: finite, and of length 1."""
    length = float(np.linalg.norm(vector))
    return bool(np.isfinite(vector).all()) and abs(length - 1) <= _LENGTH_TOLERANCE

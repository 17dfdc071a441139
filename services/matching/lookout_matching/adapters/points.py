"""What every gallery does alike: check what comes in, name points, and turn hits into distinct entries."""

import re
import uuid
from collections.abc import Iterable, Sequence

import numpy as np
from lookout.vision.arrays import FloatArray

from lookout_matching.domain import (
    TEMPLATES_PER_ENTRY,
    BadTemplateError,
    Candidate,
    Candidates,
    require_unit,
)
from lookout_matching.ports import DimensionMismatchError, Enrolment, GalleryError

ENTRY = "entry_id"
"""The one field of a point's payload."""

_POINTS = uuid.UUID("3b7c1f62-9a0d-5c38-8e14-6d2f0b9c7a55")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def collection_name(deployment_id: str) -> str:
    """The collection of a deployment; a `GalleryError` if its id cannot be part of a name."""
    if not _NAME.fullmatch(deployment_id):
        raise GalleryError(
            f"deployment id {deployment_id!r} cannot name a collection: letters, digits, '.', '_' and '-' only"
        )
    return f"lookout-{deployment_id}"


def point_ids(entry_id: str) -> Sequence[str]:
    """Ids of all points that an entry may have, in order of its templates."""
    return [str(uuid.uuid5(_POINTS, f"{entry_id}:{index}")) for index in range(TEMPLATES_PER_ENTRY)]


def require_enrolment(enrolment: Enrolment, dim: int) -> None:
    """Refuse templates that the collection cannot hold."""
    templates = enrolment.templates
    require_vectors(f"templates of entry {enrolment.entry_id}", templates, dim)
    if not 1 <= len(templates) <= TEMPLATES_PER_ENTRY:
        raise GalleryError(
            f"entry {enrolment.entry_id} must have 1 to {TEMPLATES_PER_ENTRY} templates, but got {len(templates)}"
        )


def require_vectors(name: str, vectors: FloatArray, dim: int) -> None:
    """Refuse what is not (N, ``dim``) float32 of unit vectors."""
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise DimensionMismatchError(
            f"{name} must have shape (N, {dim}), but got {vectors.shape}: made with another model pack?"
        )
    if vectors.dtype != np.float32:
        raise GalleryError(f"{name} must be float32, but got {vectors.dtype}")
    try:
        require_unit(vectors)
    except BadTemplateError as error:
        raise GalleryError(f"{name}: {error}") from error


def over_fetch(top: int) -> int:
    """How many points hold at least ``top`` distinct entries: each of the nearer ones may take all its places."""
    return (top - 1) * TEMPLATES_PER_ENTRY + 1


def distinct(hits: Iterable[tuple[str, float]], top: int) -> Candidates:
    """The first ``top`` distinct entries of hits sorted best first, each with its best score."""
    best: dict[str, float] = {}
    for entry_id, score in hits:
        if entry_id not in best:
            if len(best) == top:
                break
            best[entry_id] = score
    return tuple(Candidate(entry_id, score) for entry_id, score in best.items())

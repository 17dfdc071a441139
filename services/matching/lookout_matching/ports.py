"""What matching needs of the outside: a gallery, a calibrated pack, and word of which deployments to prepare for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from lookout.events import Category, Response
from lookout.vision.arrays import FloatArray
from lookout.vision.calibration import PassRule

from lookout_matching.domain import Candidates


class GalleryError(Exception):
    """The gallery refuses. Says what was wanted and what came; names entries, never values."""


class UnknownCollectionError(GalleryError):
    """The deployment has no collection: it was never created here, or has been dropped."""


class DimensionMismatchError(GalleryError):
    """Templates, probes or an existing collection have another dimension."""


class SelfMatchError(GalleryError):
    """An entry just enrolled does not come back when its own template is searched."""


class GalleryUnavailableError(GalleryError):
    """The gallery does not answer right now: the same call may succeed later."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """All templates of one entry: (M, D) float32, L2-normalised, 1 <= M <= ``TEMPLATES_PER_ENTRY``."""

    entry_id: str
    templates: FloatArray


class Gallery(Protocol):
    """Templates of the enrolled, one collection per deployment. Searches are exact. Safe to use from several threads."""

    def create(self, deployment_id: str, dim: int) -> None:
        """Make sure that the deployment has a collection of this dimension; `DimensionMismatchError` if of another."""

    def enrol(self, deployment_id: str, enrolments: Sequence[Enrolment]) -> None:
        """Give each entry exactly these templates, in place of what it had; they are found once this returns.

        Raises:
            UnknownCollectionError: no such collection.
            DimensionMismatchError: templates of another dimension; nothing is enrolled.
            GalleryError: no templates, too many, not finite or not normalised; nothing is enrolled.
        """

    def withdraw(self, deployment_id: str, entry_ids: Sequence[str]) -> None:
        """Remove entries; they are found no more once this returns. Unknown entries are fine."""

    def search(
        self, deployment_id: str, probes: FloatArray, *, top: int = 2
    ) -> Sequence[Candidates]:
        """For each probe of (B, D) float32, the ``top`` nearest distinct entries (fewer if there are fewer), exact.

        Each entry stands with the cosine of its best template. Raises as `enrol`.
        """

    def drop(self, deployment_id: str) -> None:
        """Remove the collection altogether, templates and all. One that is not there is fine."""

    def deployments(self) -> Collection[str]:
        """Deployments that have a collection."""

    def count(self, deployment_id: str) -> int:
        """Templates in a collection."""

    def close(self) -> None:
        """Let go. An embedded gallery is gone with this."""


class Pack(Protocol):
    """The model pack this service is calibrated for (`lookout.vision.pack.ModelPack` is one)."""

    @property
    def sha256(self) -> str:
        """Identity of the template space."""

    def threshold(self, target_fpir: float, gallery_size: int, rule: PassRule) -> float:
        """The score for a target FPIR of a pass with so many enrolled templates; a `PackError` if it cannot be given."""


class Prospect(StrEnum):
    """What is to be expected of a deployment."""

    UNKNOWN = "unknown"
    EXPECTED = "expected"
    OVER = "over"


class Prospects(Protocol):
    """Whose watchlists to keep ready, and whose to drop."""

    def prospect(self, deployment_id: str, now: datetime) -> Prospect:
        """What trusted records say: `OVER` once it has ended or its window has passed, `EXPECTED` before that.

        Expected means also before it opens and while it is stopped: the gallery is loaded before anyone is looked at.
        Without a record a deployment is `UNKNOWN`: nothing of it is opened, and nothing dropped.
        """


@dataclass(frozen=True, slots=True)
class Listed:
    """What is known of an entry here: why it may be looked for, and what is asked of officers."""

    category: Category
    response: Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """A deployment's watchlist as it stands in the gallery.

    ``content_hash`` is None while it is being loaded. ``listed`` holds the entries in force and changes under the
    reader: ask it once per question. ``templates`` counts those in the gallery, ``left_out`` the entries that are on
    the list but cannot be used.
    """

    deployment_id: str
    pack_sha256: str
    dim: int
    content_hash: str | None
    listed: Mapping[str, Listed]
    templates: int
    withdrawn: int
    left_out: int
    since: datetime


class Watchlists(Protocol):
    """The watchlists in the gallery, as the runner's thread sees them."""

    def roll(self, deployment_id: str) -> Roll | None:
        """The deployment's watchlist, None if nothing is known of it."""

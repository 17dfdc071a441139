"""What the actions need of the outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lookout.events import Event, Sealed


class Control(Protocol):
    """The hand on the control topics. Signs what it sends."""

    def publish(self, event: Event) -> None:
        """Send a record, acknowledged when this returns. Raises what the broker raises."""

    def publish_all(self, events: Sequence[Event]) -> None:
        """Send many, all acknowledged when this returns."""


class Changed(Protocol):
    """Told after a change is committed; pages are kept live by it."""

    def __call__(self, kind: str, deployment_id: str, subject: str) -> None:
        """``kind`` is alert, deployment, import, message, status or handset; ``subject`` the id of what changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a picture is good for. ``refusal`` is empty when it can be enrolled; ``templates`` are sealed already."""

    refusal: str
    warnings: tuple[str, ...]
    portrait_jpeg: bytes
    collides_with: tuple[str, ...]
    templates: tuple[Sealed, ...] = ()
    pack_sha256: str = ""


class Examiner(Protocol):
    """Judges the pictures of one import: quality, one face, lookalikes among those seen so far."""

    def examine(self, reference: str, picture: bytes) -> Examined:
        """Judge one picture. Blocks for the models."""


class NewExaminer(Protocol):
    """Makes an examiner for a deployment's import."""

    def __call__(self, deployment_id: str, known: Mapping[str, tuple[Sealed, ...]]) -> Examiner:
        """``known`` holds the sealed templates of who is on the list already, by reference."""

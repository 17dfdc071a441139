"""Matches to alert about, and an authority that says what a test wants it to."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lookout.events import (
    UNSIGNED,
    Category,
    Deployment,
    DeploymentState,
    Match,
    Response,
    Sealed,
)

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DEPLOYMENT = "deployment-1"


def a_match(
    number: int = 1,
    *,
    seen: datetime = START,
    entry: str = "entry-1",
    camera: str = "camera-1",
    key_id: str | None = None,
    deployment: str = DEPLOYMENT,
) -> Match:
    """A match of its own face and key, told apart by ``number``."""
    return Match(
        deployment_id=deployment,
        match_id=f"match-{number}",
        entry_id=entry,
        face_id=f"face-{number}",
        track_id=f"track-{camera}",
        camera_id=camera,
        captured_at=seen,
        matched_at=seen + timedelta(milliseconds=200),
        score=0.61,
        threshold=0.5,
        rank=1,
        margin=0.1,
        confirmed_by=2,
        category=Category.WANTED_BY_COURTS,
        response=Response.AMBER,
        demonstration=False,
        thumbnail=Sealed(key_id=key_id or f"block:{number}", nonce=b"n" * 12, ciphertext=b"c" * 40),
    )


@dataclass(slots=True)
class ListedAuthority:
    """An `Authority` in which exactly the listed deployments are in force, at any time."""

    ids: set[str] = field(default_factory=lambda: {DEPLOYMENT})

    def in_force(self, now: datetime) -> Collection[Deployment]:
        return [_deployment(name, now) for name in sorted(self.ids)]

    def deployment(self, deployment_id: str, now: datetime) -> Deployment | None:
        return _deployment(deployment_id, now) if deployment_id in self.ids else None

    def for_camera(self, camera_id: str, now: datetime) -> Deployment | None:
        return next(iter(self.in_force(now)), None)

    def why_not(self, now: datetime) -> str:
        return "" if self.ids else "no deployment is in force"


def _deployment(name: str, now: datetime) -> Deployment:
    return Deployment(
        deployment_id=name,
        state=DeploymentState.LIVE,
        opens_at=now - timedelta(hours=1),
        closes_at=now + timedelta(hours=1),
        cameras=("camera-1", "camera-2"),
        target_fpir=0.001,
        pack_name="mobile",
        pack_sha256="0" * 64,
        watchlist_hash="0" * 64,
        confirm_shots=2,
        confirm_of=5,
        authority="test",
        demonstration=False,
        updated_at=now,
        signature=UNSIGNED,
    )

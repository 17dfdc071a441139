"""Capture's rules, without a camera: what a source is called, when it is due, what is dropped, when to stay shut."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from lookout.authority import why_not_in_force
from lookout.events import Deployment, ServiceState, ServiceStatus

from lookout_capture.readings import RawFrame

_CAMERA_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_WEBCAM = re.compile(r"(?:webcam:|/dev/video)?(\d{1,2})")

# Three words may be lost, no more: what comes after capture says how it is each 0.3 seconds.
STATUS_MAX_AGE = timedelta(seconds=0.9)
CLOCKS_DIFFER = timedelta(seconds=2)
UPSTREAM_SERVICES = ("keeper", "matching")


class SourceKind(StrEnum):
    """Where images come from."""

    FILE = "file"
    FOLDER = "folder"
    WEBCAM = "webcam"
    RTSP = "rtsp"
    HTTP = "http"


class DropReason(StrEnum):
    """Why an image was never sealed. Every image read is either sealed or counted under one of these."""

    SUPERSEDED = "superseded"
    STALE = "stale"
    NO_AUTHORITY = "no_authority"
    UPSTREAM = "upstream"
    KEYRING = "keyring"
    BACKLOG = "backlog"
    UNREADABLE = "unreadable"
    STILL = "still"


SHED = frozenset({DropReason.SUPERSEDED, DropReason.STALE, DropReason.BACKLOG})
"""What is dropped because there is more of it than can be carried; the rest may not be sealed, cannot, or need not."""


class Pacing(StrEnum):
    """How fast a recording plays. Live sources have their own pace."""

    REAL_TIME = "real_time"
    AS_TAKEN = "as_taken"


class CameraSpecError(ValueError):
    """A camera is not described as it must be. The text never shows the source: it may hold a password."""


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One camera: its id (a metric label and Kafka key) and its source, whose credentials never show."""

    camera_id: str
    source: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what could not be opened, by its form."""
        if not _CAMERA_ID.fullmatch(self.camera_id):
            raise CameraSpecError(
                "a camera id is 1 to 64 letters, digits, dots, dashes or underscores and begins with a letter or "
                "digit: write cameras as ID=SOURCE, for example van-1=rtsp://host/path"
            )
        if not self.source:
            raise CameraSpecError(f"camera {self.camera_id} has no source: write ID=SOURCE")
        _ = self.kind, self.location

    @classmethod
    def parse(cls, text: str) -> "CameraSpec":
        """From ``ID=SOURCE``. Raises `CameraSpecError`."""
        camera_id, _, source = text.strip().partition("=")
        return cls(camera_id.strip(), source.strip())

    @property
    def kind(self) -> SourceKind:
        """What kind of source it is, by its form alone."""
        if scheme := _SCHEME.match(self.source):
            match scheme.group(1).lower():
                case "rtsp" | "rtsps":
                    return SourceKind.RTSP
                case "http" | "https":
                    return SourceKind.HTTP
                case "file":
                    return SourceKind.FILE
                case other:
                    raise CameraSpecError(
                        f"camera {self.camera_id}: {other}:// is no source; use rtsp://, rtsps://, http://, https://, "
                        "a file, a folder (folder:PATH) or a webcam's number"
                    )
        if _WEBCAM.fullmatch(self.source):
            return SourceKind.WEBCAM
        if self.source.startswith("folder:") or self.source.endswith("/"):
            return SourceKind.FOLDER
        return SourceKind.FILE

    @property
    def location(self) -> str:
        """What an adapter opens: a URL with its credentials, a path, or a webcam's number."""
        kind = self.kind
        if kind is SourceKind.WEBCAM and (index := _WEBCAM.fullmatch(self.source)):
            return index.group(1)
        if kind in {SourceKind.RTSP, SourceKind.HTTP}:
            return self._url()
        return self.source.removeprefix("folder:").removeprefix("file://")

    @property
    def recorded(self) -> bool:
        """Whether it has an end, and waits for whoever reads it."""
        return self.kind in {SourceKind.FILE, SourceKind.FOLDER}

    def redacted(self) -> str:
        """``ID=SOURCE`` for people and logs: of a URL, scheme, host and port only (paths and queries hold secrets too)."""
        if self.kind in {SourceKind.RTSP, SourceKind.HTTP}:
            parts = urlsplit(self.source)
            port = f":{parts.port}" if parts.port else ""
            host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
            return f"{self.camera_id}={parts.scheme}://{host}{port}/…"
        # A URL with a typing error in its scheme looks like a path, and may hold a password all the same.
        hidden, at, shown = self.source.rpartition("@")
        return f"{self.camera_id}={'…@' if hidden else at}{shown}"

    def __str__(self) -> str:
        """The redacted form: a spec may be formatted anywhere."""
        return self.redacted()

    def _url(self) -> str:
        try:
            parts = urlsplit(self.source)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host:
            raise CameraSpecError(
                f"camera {self.camera_id}: the URL's host or port cannot be read; percent-encode @ : / in a password"
            )
        return self.source


def parse_cameras(text: str) -> tuple[CameraSpec, ...]:
    """Cameras written one per line (or separated by ``;``); empty lines and ``#`` comments are skipped.

    Raises `CameraSpecError` for a bad line, an id used twice, or none at all.
    """
    lines = [line.strip() for line in re.split(r"[\n;]", text)]
    cameras = tuple(CameraSpec.parse(line) for line in lines if line and not line.startswith("#"))
    if not cameras:
        raise CameraSpecError("no camera is given: write at least one ID=SOURCE")
    twice = [name for name, uses in Counter(c.camera_id for c in cameras).items() if uses > 1]
    if twice:
        raise CameraSpecError(f"camera id used more than once: {', '.join(twice)}")
    return cameras


class NewestFrame:
    """Holds one image: a newer one takes its place. Not thread-safe: its owner locks."""

    def __init__(self) -> None:
        self._frame: RawFrame | None = None

    def put(self, frame: RawFrame) -> DropReason | None:
        """Keep ``frame``; the reason if another was dropped for it."""
        dropped = DropReason.SUPERSEDED if self._frame is not None else None
        self._frame = frame
        return dropped

    def take(self) -> RawFrame | None:
        """The newest image, once."""
        frame, self._frame = self._frame, None
        return frame

    def __bool__(self) -> bool:
        return self._frame is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """Waits that grow with each failure; half of each is random, so that cameras do not come back in step."""

    base_s: float = 0.5
    cap_s: float = 5.0

    def delay_s(self, failures: int, rng: random.Random) -> float:
        """Seconds to wait after the ``failures``-th failure in a row (from 1)."""
        full = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 32))
        return full * (0.5 + 0.5 * rng.random())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRules:
    """How cameras are read.

    ``stuck_after_s``: a read without a sign of life for so long is given up from outside, and
    at most ``max_left_behind`` threads in such reads are left behind. ``loop`` plays recordings again and again.
    """

    pacing: Pacing = Pacing.REAL_TIME
    loop: bool = False
    stuck_after_s: float = 15.0
    max_left_behind: int = 3
    back_off: BackOff = field(default_factory=BackOff)


def is_fresh(captured_at: datetime, now: datetime, limit: timedelta) -> bool:
    """Whether an image is still worth sealing. One from the future is as wrong as an old one: clocks differ."""
    return abs(now - captured_at) <= limit


def why_upstream_not_ready(
    words: Iterable[tuple[ServiceStatus, timedelta]],
    now: datetime,
    *,
    services: Sequence[str] = UPSTREAM_SERVICES,
    max_age: timedelta = STATUS_MAX_AGE,
) -> str | None:
    """Why what is captured could not be matched or forgotten, or None when it can.

    ``words`` holds the last word of every instance and how long ago it was heard here; one that is fresh and runs is
    enough for its service. A word counts from its hearing, so that clocks that differ a little shut nothing; its own
    date is for telling what the topic has kept from what is said now.
    """
    known = list(words)
    for service in services:
        own = [(status, ago) for status, ago in known if status.service == service]
        if not own:
            return f"{service} has not reported: start it"
        fresh = [
            status
            for status, ago in own
            if ago <= max_age and is_fresh(status.reported_at, now, CLOCKS_DIFFER + max_age)
        ]
        if not fresh:
            return _why_stale(service, max((status for status, _ in own), key=_reported), now)
        if all(status.state is ServiceState.NOT_RUNNING for status in fresh):
            return f"{service} is not running: {fresh[0].reason}"
    return None


def _reported(status: ServiceStatus) -> datetime:
    return status.reported_at


def _why_stale(service: str, last: ServiceStatus, now: datetime) -> str:
    at = last.reported_at.isoformat(timespec="seconds")
    if last.reported_at - now > CLOCKS_DIFFER:
        return f"{service} last reported at {at}, which is in the future here: set the clocks of both machines (NTP)"
    return f"{service} last reported at {at}, more than {STATUS_MAX_AGE.total_seconds():g} s ago"


@dataclass(frozen=True, slots=True)
class Shut:
    """Why an image may not be sealed: for the counter, and for people."""

    reason: DropReason
    detail: str


def why_not_capturing(
    *,
    camera_id: str,
    deployment: Deployment | None,
    upstream: str | None,
    now: datetime,
    why_no_deployment: str = "",
) -> Shut | None:
    """Why images of a camera may not be sealed at ``now``, or None while they may.

    They may only under a deployment in force that names the camera, and only while what comes after capture runs
    (``upstream`` None). The deployment is checked here again, whoever found it.
    """
    if deployment is None:
        why = why_no_deployment or "no live deployment covers it"
        return Shut(DropReason.NO_AUTHORITY, f"camera {camera_id}: {why}")
    if why_over := why_not_in_force(deployment, now):
        return Shut(DropReason.NO_AUTHORITY, why_over)
    if camera_id not in deployment.cameras:
        return Shut(
            DropReason.NO_AUTHORITY,
            f"camera {camera_id} is not among the cameras of deployment {deployment.deployment_id}",
        )
    if upstream is not None:
        return Shut(DropReason.UPSTREAM, upstream)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraView:
    """How one camera is: ``failure`` and ``shut`` say why it gives no images, or may not be sealed."""

    camera_id: str
    up: bool
    over: bool
    failure: str | None = None
    shut: str | None = None


def judge(
    cameras: Sequence[CameraView],
    *,
    keyring: str | None = None,
    unacknowledged: int = 0,
    degraded: str = "",
) -> tuple[ServiceState, str]:
    """How capture as a whole is, and why, in words for people.

    ``keyring`` is why no key can be had. ``unacknowledged`` is 0 unless so many frames wait for the broker that images
    are dropped. ``degraded`` says what share of the images is sealed, where that is not next to all.
    """
    active = [camera for camera in cameras if not camera.over]
    failed = [f"{c.camera_id}: {c.failure}" for c in cameras if c.failure is not None]
    if not active:
        return ServiceState.NOT_RUNNING, _told(["every recording is over", *failed])
    shut = [camera.shut for camera in active if camera.shut is not None]
    if len(shut) == len(active):
        return ServiceState.NOT_RUNNING, _told(shut)
    if keyring is not None:
        return ServiceState.NOT_RUNNING, f"no keys: {keyring}"
    opening = [f"{c.camera_id}: no image yet" for c in active if not c.up and c.failure is None]
    if not any(camera.up for camera in active):
        return ServiceState.NOT_RUNNING, _told([*failed, *opening])
    slow = [f"{unacknowledged} frames wait for the broker"] if unacknowledged else []
    shed = [degraded] if degraded else []
    if worries := [*shut, *failed, *opening, *slow, *shed]:
        return ServiceState.DEGRADED, _told(worries)
    return ServiceState.LIVE, ""


def _told(reasons: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(reasons))

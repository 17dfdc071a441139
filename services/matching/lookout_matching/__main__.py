"""Matching's wiring."""

import threading
from datetime import datetime

from lookout.events import (
    DeploymentState,
    Embedding,
    Match,
    ServiceState,
    WatchlistEntry,
    WatchlistState,
)
from lookout.hosting.authority import FollowedAuthority
from lookout.hosting.platform import Platform
from lookout.hosting.service import Feeding, Service, run_process
from lookout.hosting.settings import PlatformSettings, secret_of
from lookout.stream.ports import Clock
from lookout.telemetry.status import State

from lookout_matching.adapters.qdrant_edge import EdgeGallery
from lookout_matching.adapters.qdrant_local import local_gallery
from lookout_matching.adapters.qdrant_server import server_gallery
from lookout_matching.domain import DecidedMatches
from lookout_matching.gallery_writer import WatchlistWriter
from lookout_matching.metrics import Metrics
from lookout_matching.ports import Gallery, Prospect
from lookout_matching.processor import MatchingProcessor
from lookout_matching.readiness import Readiness
from lookout_matching.settings import GalleryKind, Settings

_BATCH = 32
_SETTLE_S = 0.2


class FollowedProspects:
    """`lookout_matching.ports.Prospects` out of the followed deployments."""

    def __init__(self, authority: FollowedAuthority) -> None:
        self._authority = authority

    def prospect(self, deployment_id: str, now: datetime) -> Prospect:
        """See `Prospects.prospect`."""
        known = self._authority.latest(deployment_id)
        if known is None:
            return Prospect.UNKNOWN
        over = known.state is DeploymentState.ENDED or now >= known.closes_at
        return Prospect.OVER if over else Prospect.EXPECTED


class MatchingService:
    """The runner's loop, and beside it the upkeep of the gallery."""

    def __init__(
        self, *, runner: Feeding, writer: WatchlistWriter, readiness: Readiness, clock: Clock
    ) -> None:
        self._runner, self._writer, self._readiness, self._clock = runner, writer, readiness, clock
        self._failure: BaseException | None = None

    def run(self, stop: threading.Event) -> None:
        """See `Service.run`. What breaks the upkeep ends the service: a gallery nobody keeps is not to be trusted."""
        over = threading.Event()
        upkeep = threading.Thread(target=self._keep, args=(stop, over), name="gallery", daemon=True)
        upkeep.start()
        try:
            self._runner.run(stop)
        finally:
            over.set()
            upkeep.join()
        if self._failure is not None:
            raise self._failure

    def state(self) -> State:
        """See `Service.state`. Whoever has no partitions compares nobody, however ready the gallery is."""
        idle = self._runner.why_idle()
        return (ServiceState.NOT_RUNNING, idle) if idle else self._readiness.state()

    def _keep(self, stop: threading.Event, over: threading.Event) -> None:
        try:
            while not over.wait(_SETTLE_S):
                self._writer.settle(self._clock())
        except Exception as error:  # noqa: BLE001 - carried to the service's thread, which raises it
            self._failure = error
            stop.set()


def build(platform: Platform, settings: Settings) -> Service:
    """Matching on a platform."""
    pack = platform.read_pack()
    metrics = Metrics(platform.registry)
    authority = platform.authority()
    gallery = make_gallery(settings)
    platform.closing(gallery.close)
    writer = WatchlistWriter(
        gallery=gallery,
        vault=platform.vault,
        prospects=FollowedProspects(authority),
        pack_sha256=pack.sha256,
        dim=pack.embedder.dim,
        emit=platform.emit,
        retract=platform.retract,
        metrics=metrics,
        clock=platform.clock,
    )
    decided = DecidedMatches()
    readiness = Readiness(
        authority=authority,
        watchlists=writer,
        pack=pack,
        most_shots=settings.most_shots,
        clock=platform.clock,
    )
    platform.follow(WatchlistEntry, writer.apply, signed=True)
    platform.follow(WatchlistState, writer.heard)
    matches = platform.follow(Match, decided.note)
    processor = MatchingProcessor(
        gallery=gallery,
        readiness=readiness,
        authority=authority,
        keyring=platform.keyring,
        decided=decided,
        decided_known=matches.healthy,
        metrics=metrics,
        clock=platform.clock,
        settings=settings,
    )
    runner = platform.runner(Embedding, processor, batch_max=_BATCH)
    return MatchingService(runner=runner, writer=writer, readiness=readiness, clock=platform.clock)


def make_gallery(settings: Settings) -> Gallery:
    """The gallery of the settings."""
    if settings.gallery is GalleryKind.EDGE:
        return EdgeGallery(folder=settings.gallery_folder)
    if settings.gallery is GalleryKind.LOCAL:
        return local_gallery()
    return server_gallery(
        url=settings.gallery_url,
        api_key=secret_of(settings.gallery_api_key_file),
        ca=settings.gallery_ca,
        timeout_s=settings.gallery_timeout_s,
    )


def main() -> None:
    """Run matching until SIGTERM."""
    run_process("matching", PlatformSettings(), lambda platform: build(platform, Settings()))


if __name__ == "__main__":
    main()

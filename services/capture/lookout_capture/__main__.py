"""Capture's wiring."""

from collections.abc import Sequence
from datetime import datetime

from lookout.events import Frame, ServiceStatus
from lookout.hosting.platform import Platform
from lookout.hosting.service import Service, run_process
from lookout.hosting.settings import PlatformSettings
from lookout.telemetry.status import StatusBoard

from lookout_capture.adapters.jpeg import JpegEncoder
from lookout_capture.adapters.luma import LumaGauge
from lookout_capture.adapters.sources import Sources
from lookout_capture.domain import why_upstream_not_ready
from lookout_capture.metrics import Metrics
from lookout_capture.processor import Capture
from lookout_capture.settings import Settings
from lookout_capture.stillness import Stillness


def build(platform: Platform, settings: Settings) -> Service:
    """Capture on a platform."""
    board = StatusBoard()
    platform.follow(ServiceStatus, board.heard)
    producer = platform.broker.producer()
    platform.closing(producer.close)
    tracing = platform.tracing()

    def emit(frames: Sequence[Frame]) -> None:
        for frame in frames:
            producer.produce(platform.codec.outgoing(frame, traceparent=tracing.made(frame)))

    def upstream(now: datetime) -> str | None:
        platform.health.turned()
        return platform.footing.why_not() or why_upstream_not_ready(board.words(), now)

    return Capture(
        cameras=settings.camera_specs(),
        sources=Sources(
            clock=platform.clock,
            pacing=settings.pacing,
            fps=settings.fps,
            open_timeout_s=settings.open_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            rtsp_transport=settings.rtsp_transport,
            hardware_decoding=settings.hardware_decoding,
        ),
        authority=platform.authority(),
        upstream_status=upstream,
        issuer=platform.issuer(purpose="frame", ttl=settings.key_ttl),
        encoder=JpegEncoder(max_side=settings.max_side, quality=settings.jpeg_quality),
        emit=emit,
        flush=producer.flush,
        metrics=Metrics(platform.registry),
        clock=platform.clock,
        rules=settings.rules,
        stale_after=settings.stale_after,
        max_unacknowledged=settings.max_unacknowledged,
        is_still=None
        if settings.still is None
        else Stillness(settings.still, LumaGauge()).is_still,
    )


def main() -> None:
    """Run capture until SIGTERM, or until every recording is over."""
    run_process("capture", PlatformSettings(), lambda platform: build(platform, Settings()))


if __name__ == "__main__":
    main()

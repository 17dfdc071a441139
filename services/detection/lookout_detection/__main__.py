"""Detection's wiring."""

from datetime import timedelta

from lookout.events import Frame
from lookout.hosting.platform import Platform
from lookout.hosting.service import RunnerService, Service, run_process
from lookout.hosting.settings import PlatformSettings
from lookout.vision.tiles import TiledLook

from lookout_detection.metrics import Metrics
from lookout_detection.ports import ChipContract
from lookout_detection.processor import DetectionProcessor
from lookout_detection.settings import Settings

# All that waits, as good as: what is outrun is seen at once, and not a batch of it after another.
_BATCH = 64
_FACE_KEY_TTL = timedelta(seconds=60)


def build(platform: Platform, settings: Settings) -> Service:
    """Detection on a platform."""
    loaded = platform.load_pack()
    threads = platform.settings.onnx_threads
    how = loaded.pack.detector.settings
    processor = DetectionProcessor(
        detector=loaded.detector(threads=threads, settings=settings.detector(how)),
        far=TiledLook(
            loaded.detector(threads=threads, settings=settings.tile_detector(how)),
            settings.tile_rules,
        )
        if settings.tiles
        else None,
        refiner=loaded.refiner(threads=threads),
        chips=ChipContract(
            pack_sha256=loaded.pack.sha256,
            size=loaded.pack.embedder.size,
            template=loaded.pack.embedder.template_points,
        ),
        authority=platform.authority(),
        keyring=platform.keyring,
        issuer=platform.issuer(purpose="face", ttl=_FACE_KEY_TTL),
        metrics=Metrics(platform.registry),
        clock=platform.clock,
        settings=settings,
    )
    return RunnerService(
        runner=platform.runner(Frame, processor, batch_max=_BATCH),
        state=lambda: processor.state(platform.clock()),
    )


def main() -> None:
    """Run detection until SIGTERM."""
    run_process("detection", PlatformSettings(), lambda platform: build(platform, Settings()))


if __name__ == "__main__":
    main()

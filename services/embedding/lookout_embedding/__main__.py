"""Embedding's wiring."""

from lookout.events import Face
from lookout.hosting.platform import Platform
from lookout.hosting.service import RunnerService, Service, run_process
from lookout.hosting.settings import PlatformSettings

from lookout_embedding.metrics import Metrics
from lookout_embedding.processor import EmbeddingProcessor
from lookout_embedding.settings import Settings

_BATCH = 16


def build(platform: Platform, settings: Settings) -> Service:
    """Embedding on a platform."""
    loaded = platform.load_pack()
    processor = EmbeddingProcessor(
        embedder=loaded.embedder(threads=platform.settings.onnx_threads),
        pack_sha256=loaded.pack.sha256,
        authority=platform.authority(),
        keyring=platform.keyring,
        metrics=Metrics(platform.registry),
        clock=platform.clock,
        settings=settings,
    )
    return RunnerService(
        runner=platform.runner(Face, processor, batch_max=_BATCH),
        state=lambda: processor.state(platform.clock()),
    )


def main() -> None:
    """Run embedding until SIGTERM."""
    run_process("embedding", PlatformSettings(), lambda platform: build(platform, Settings()))


if __name__ == "__main__":
    main()

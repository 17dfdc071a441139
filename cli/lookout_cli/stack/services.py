"""The services of a local stack: in what order they start and end, and what makes each."""

from collections.abc import Callable, Mapping, Sequence

from lookout.hosting.platform import Platform
from lookout.hosting.service import Service

# Those that others rely on come first; capture, which begins everything, last.
STARTING_ORDER = ("keeper", "matching", "alerting", "embedding", "detection", "capture")
# What is under way is finished before the next stage ends, and the keeper writes the last receipts.
ENDING_ORDER = ("capture", "detection", "embedding", "matching", "alerting", "keeper")


def orders(*, with_console: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """In what order services start and end. A console starts before anything is captured, and ends when no alert comes any more."""
    if not with_console:
        return STARTING_ORDER, ENDING_ORDER
    *workers, capture = STARTING_ORDER
    *before, keeper = ENDING_ORDER
    return (*workers, "console", capture), (*before, "console", keeper)


def instances(order: Sequence[str], workers: Mapping[str, int]) -> tuple[str, ...]:
    """The processes of services in this order; of service ``x`` with three workers ``x``, ``x-2`` and ``x-3``."""
    return tuple(
        name
        for service in order
        for name in (service, *(f"{service}-{n}" for n in range(2, workers.get(service, 1) + 1)))
    )


Builder = Callable[[Platform], Service]


def builders(
    capture: Mapping[str, object], console: Mapping[str, object] | None = None
) -> Mapping[str, Builder]:
    """What makes each service in this process; ``capture`` and ``console`` hold their settings by field name."""
    # Imported here: a command that starts no service in this process must not load all of their libraries.
    from lookout_alerting import __main__ as alerting  # noqa: PLC0415
    from lookout_alerting.settings import Settings as AlertingSettings  # noqa: PLC0415
    from lookout_capture import __main__ as capturing  # noqa: PLC0415
    from lookout_capture.settings import Settings as CaptureSettings  # noqa: PLC0415
    from lookout_console import __main__ as desk  # noqa: PLC0415
    from lookout_console.settings import Settings as ConsoleSettings  # noqa: PLC0415
    from lookout_detection import __main__ as detection  # noqa: PLC0415
    from lookout_detection.settings import Settings as DetectionSettings  # noqa: PLC0415
    from lookout_embedding import __main__ as embedding  # noqa: PLC0415
    from lookout_embedding.settings import Settings as EmbeddingSettings  # noqa: PLC0415
    from lookout_keeper import __main__ as keeper  # noqa: PLC0415
    from lookout_keeper.settings import Settings as KeeperSettings  # noqa: PLC0415
    from lookout_matching import __main__ as matching  # noqa: PLC0415
    from lookout_matching.settings import Settings as MatchingSettings  # noqa: PLC0415

    return {
        "keeper": lambda platform: keeper.build(platform, KeeperSettings()),
        "matching": lambda platform: matching.build(platform, MatchingSettings()),
        "alerting": lambda platform: alerting.build(platform, AlertingSettings()),
        "embedding": lambda platform: embedding.build(platform, EmbeddingSettings()),
        "detection": lambda platform: detection.build(platform, DetectionSettings()),
        "capture": lambda platform: capturing.build(
            platform, CaptureSettings.model_validate(dict(capture))
        ),
        "console": lambda platform: desk.build(
            platform, ConsoleSettings.model_validate(dict(console or {}))
        ),
    }

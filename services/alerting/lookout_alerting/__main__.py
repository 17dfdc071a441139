"""Alerting's wiring: Faust on Kafka, the runner on any other broker."""

from lookout.events import Match, ServiceState
from lookout.hosting.platform import Platform
from lookout.hosting.service import RunnerService, Service, run_process
from lookout.hosting.settings import PlatformSettings

from lookout_alerting.metrics import Metrics
from lookout_alerting.processor import AlertingProcessor
from lookout_alerting.settings import Settings

_BATCH = 32


def build(platform: Platform, settings: Settings) -> Service:
    """Alerting on a platform."""
    metrics = Metrics(platform.registry)
    if platform.kafka is None:
        processor = AlertingProcessor(
            authority=platform.authority(),
            clock=platform.clock,
            rules=settings.rules(),
            metrics=metrics,
        )
        return RunnerService(
            runner=platform.runner(Match, processor, batch_max=_BATCH),
            state=lambda: (ServiceState.LIVE, ""),
        )
    # Imported here, so that what does not run on Kafka does not load Faust.
    from lookout_alerting.adapters.faust_worker import FaustWorker  # noqa: PLC0415

    authority = platform.authority()
    return FaustWorker(
        kafka=platform.kafka,
        catalogue=platform.catalogue,
        codec=platform.codec,
        keyring=platform.keyring,
        authority=authority,
        why_unknown=authority.why_unknown,
        clock=platform.clock,
        rules=settings.rules(),
        metrics=metrics,
        stream_metrics=platform.metrics(),
        instance=platform.instance,
        on_turn=platform.health.turned,
        tracing=platform.tracing(),
    )


def main() -> None:
    """Run alerting until SIGTERM."""
    run_process("alerting", PlatformSettings(), lambda platform: build(platform, Settings()))


if __name__ == "__main__":
    main()

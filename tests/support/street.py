"""The whole of Lookout at work for a test to look at: all services and the console as processes, a scene in a loop, a watchlist in force."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lookout_cli.local.ports import free_ports
from lookout_cli.stack.console import NAME as CONSOLE
from lookout_cli.stack.console import ConsoleOptions
from lookout_cli.stack.running import CaptureOptions, RunningServices, running
from support.kafka_node import KafkaNode
from support.pipeline import SharedKafkaStack, require_redis
from support.scene import Scene

_UP_S = 120.0
# Shorter than the wanted person is away in a round of the scene: so each round is one alert.
_GAP_S = "1"
_FPS = 10.0


@contextmanager
def street(
    kafka: KafkaNode,
    scene: Scene,
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
) -> Iterator[RunningServices]:
    """Runs within the context, on a Kafka that others use too; ``environment`` is given to every service."""
    require_redis()
    stack = SharedKafkaStack(node=kafka, folder=folder, models=scene.models)
    capture = CaptureOptions(cameras=scene.camera, loop=True, fps=_FPS)
    with stack:
        console = ConsoleOptions(stack.folder, free_ports(1)[0])
        services = ("capture", "detection", "embedding", "matching", "alerting", "keeper")
        more = {service: dict(environment or {}) for service in services}
        more["alerting"]["LOOKOUT_ALERTING_GAP_S"] = _GAP_S
        more[CONSOLE] = dict(environment or {})
        with running(stack, capture, restart=False, more=more, console=console) as processes:
            processes.wait_up(_UP_S)
            scene.enrol_and_open(processes.session)
            processes.wait_ready(_UP_S)
            yield processes

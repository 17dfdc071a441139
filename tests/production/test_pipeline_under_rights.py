"""Every service under its own credentials, on a broker and a keyring that allow nothing else: an alert, and a purge."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lookout.events import Alert, PurgeState, ServiceState
from lookout.ids import entry_id
from lookout_cli.accounts import tally
from lookout_cli.closing import end, wait_certificate
from lookout_cli.control import read_all
from lookout_cli.local.ports import free_ports
from lookout_cli.stack.console import ConsoleOptions
from lookout_cli.stack.running import CaptureOptions, running
from support.kafka_node import why_no_kafka
from support.polling import until
from support.scene import WANTED, Scene, compose_scene, pulled_models
from support.secured_kafka import secured_kafka
from support.secured_keyring import require_server
from support.secured_stack import SecuredStack

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.redis,
    pytest.mark.models,
    pytest.mark.faces,
    pytest.mark.timeout(600),
]

_UP_S = 120.0
_SETTLE_S = 90.0


@pytest.fixture(name="scene", scope="module")
def scene_fixture(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    models = pulled_models(tmp_path_factory.mktemp("models"))
    return compose_scene(models, tmp_path_factory.mktemp("scene"))


def test_the_whole_system_does_its_work_with_the_rights_of_the_catalogue_and_no_more(
    scene: Scene, tmp_path: Path, figures: Callable[[str, object], None]
) -> None:
    reason = why_no_kafka()
    if reason is not None:
        pytest.skip(reason)
    require_server()
    with secured_kafka(tmp_path / "kafka") as secured:
        stack = SecuredStack(secured, folder=tmp_path / "state", models=scene.models)
        stack.folder.prepare()
        (port,) = free_ports(1)
        more = {name: dict(told) for name, told in stack.credentials().items()}
        more["console"] |= ConsoleOptions(stack.folder, port).environment()
        capture = CaptureOptions(cameras=scene.camera)
        with stack, running(stack, capture, restart=False, more=more) as services:
            services.wait_up(_UP_S)
            platform = services.session.platform
            deployment_id = scene.enrol_and_open(services.session)
            until(lambda: services.ended("capture"), "the end of the footage", _UP_S)
            until(lambda: bool(read_all(platform, Alert)), "an alert", _SETTLE_S)
            (alert,) = read_all(platform, Alert)
            assert alert.entry_id == entry_id(deployment_id, WANTED)
            live = {
                status.service
                for status in services.statuses().values()
                if status.state is ServiceState.LIVE
            }
            assert live >= {"keeper", "matching", "alerting", "embedding", "detection", "console"}

            end(services.session, deployment_id)
            certificate = wait_certificate(platform, deployment_id, within_s=_SETTLE_S)
            assert certificate is not None
            assert certificate.state is PurgeState.COMPLETE, certificate.missing
            assert any(record.below for record in certificate.deleted)
            keys = tally(platform, deployment_id).keys
            assert keys.unaccounted == 0
            figures("pipeline under ACLs: services, alerts", f"{len(live) + 1}, 1")
            figures("pipeline under ACLs: keys made, unaccounted", f"{keys.made}, 0")
        exits = {name: child.exits for name, child in services.children.items()}
        assert exits == {name: [0] for name in services.children}
    for log in stack.folder.logs.glob("*.log"):
        text = log.read_text()
        assert "AUTHORIZATION_FAILED" not in text, log
        for secret in [*secured.passwords.iterdir(), *(tmp_path / "keyring").glob("*.password")]:
            assert secret.read_text().strip() not in text, log

"""Every service under its own credentials, on a broker and a keyring that allow nothing else: an alert, and a purge."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lookout.events import Alert, PurgeCertificate, PurgeState, ServiceState
from lookout.hosting.platform import Platform
from lookout.ids import entry_id
from lookout_cli.accounts import tally
from lookout_cli.closing import end
from lookout_cli.control import certificates, read_all
from lookout_cli.local.ports import free_ports
from lookout_cli.people.taking import EvidenceTaker
from lookout_cli.session import Session
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
    pytest.mark.timeout(900),
]

_UP_S = 120.0
_SETTLE_S = 300.0


@pytest.fixture(name="scene", scope="module")
def scene_fixture(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    models = pulled_models(tmp_path_factory.mktemp("models"))
    return compose_scene(models, tmp_path_factory.mktemp("scene"))


def _take_evidence(session: Session) -> None:
    """As the command line's own user, which may get and destroy keys."""
    keyring = session.platform.keyring
    taker = EvidenceTaker(
        keyring=keyring, store=session.evidence, clock=session.platform.clock, name="test"
    )
    taken = [taker.take(alert) for alert in read_all(session.platform, Alert)]
    assert any(taken)


def _certificate(platform: Platform, deployment_id: str) -> PurgeCertificate:
    found: list[PurgeCertificate] = []

    def complete() -> bool:
        found[:] = certificates(platform, deployment_id)[-1:]
        return bool(found) and found[0].state is PurgeState.COMPLETE

    until(complete, "a certificate of a complete purge", _SETTLE_S)
    return found[0]


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
        console = ConsoleOptions(stack.folder, port)
        # Again and again: where the machine is busy, stale frames of a pass are dropped, as they should be.
        capture = CaptureOptions(cameras=scene.camera, loop=True)
        with stack, running(stack, capture, restart=False, more=more, console=console) as services:
            services.wait_up(_UP_S)
            platform = services.session.platform
            deployment_id = scene.enrol_and_open(services.session)
            until(lambda: bool(read_all(platform, Alert)), "an alert", _SETTLE_S)
            alert, *_ = read_all(platform, Alert)
            assert alert.entry_id == entry_id(deployment_id, WANTED)
            live = {
                status.service
                for status in services.statuses().values()
                if status.state is ServiceState.LIVE
            }
            assert live >= {"keeper", "matching", "alerting", "embedding", "detection", "console"}

            services.end("capture")
            _take_evidence(services.session)
            end(services.session, deployment_id)
            certificate = _certificate(platform, deployment_id)
            assert any(record.below for record in certificate.deleted)
            keys = tally(platform, deployment_id).keys
            assert keys.unaccounted == 0
            assert keys.made > 0
            figures("pipeline under ACLs: services live", len(live))
            figures("pipeline under ACLs: keys made, unaccounted", f"{keys.made}, 0")
        exits = {name: set(child.exits) for name, child in services.children.items()}
        assert exits == {name: {0} for name in services.children}
    for log in stack.folder.logs.glob("*.log"):
        text = log.read_text()
        assert "AUTHORIZATION_FAILED" not in text, log
        for secret in [*secured.passwords.iterdir(), *(tmp_path / "keyring").glob("*.password")]:
            assert secret.read_text().strip() not in text, log

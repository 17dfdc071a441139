"""The console on the whole pipeline: a deployment by its REST API, an alert with its picture, the stop and a withdrawal measured."""

import csv
import io
import time
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from lookout.events import (
    AuditEntry,
    ErasureReason,
    ServiceState,
    ServiceStatus,
    WatchlistState,
)
from lookout.ids import entry_id
from lookout_cli.accounts import tally
from lookout_cli.control import read_all
from lookout_cli.local.ports import free_ports
from lookout_cli.stack.running import CaptureOptions, RunningServices, running
from lookout_cli.verify.audit import check
from lookout_console.__main__ import build
from lookout_console.accounts.credentials import Credentials
from lookout_console.accounts.register import Register
from lookout_console.domain.roles import Role
from lookout_console.schema import upgrade
from lookout_console.settings import Settings
from lookout_console.store.audit import Audit
from lookout_console.store.engine import Store
from support.console_world import row_of
from support.kafka_node import KafkaNode
from support.pipeline import SharedKafkaStack, hosted, require_redis
from support.polling import until
from support.scene import CAMERA, WANTED, Scene

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.models, pytest.mark.faces]

_log = structlog.get_logger()
_UP_S = 60.0
_STOP_WITHIN_S = 1.0
_WITHDRAWN_WITHIN_S = 2.0


def _tokens(url: str) -> Mapping[Role, str]:
    """An account with a token for every role, on a store that is made ready."""
    store = Store(url)
    upgrade(store)
    now = partial(datetime.now, UTC)
    audit = Audit(store, now)
    register = Register(store.writing, clock=now, journal=audit)
    credentials = Credentials(store.writing, clock=now, journal=audit)
    found = {}
    for role in Role:
        account = register.add(
            name=str(role), shown=str(role), roles=[role], password=None, by="test", reason="test"
        )
        _, found[role] = credentials.make_token(
            label="test", role=role, lives=timedelta(hours=1), by=account, reason="test"
        )
    store.close()
    return found


class Api:
    """The console's REST API, as each role."""

    def __init__(self, base: str, tokens: Mapping[Role, str]) -> None:
        self._tokens = tokens
        self.client = httpx.Client(base_url=f"{base}/api/v1", timeout=30)

    def get(self, role: Role, path: str) -> Any:
        answer = self.client.get(path, headers=self._as(role))
        assert answer.is_success, answer.text
        return answer.json()

    def post(self, role: Role, path: str, **body: Any) -> Any:
        answer = self.client.post(path, json=body, headers=self._as(role))
        assert answer.is_success, answer.text
        return answer.json()

    def send_zip(self, role: Role, path: str, archive: bytes) -> Any:
        headers = {**self._as(role), "content-type": "application/zip"}
        answer = self.client.post(path, content=archive, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def _as(self, role: Role) -> dict[str, str]:
        return {"authorization": f"Bearer {self._tokens[role]}"}


def _archive(scene: Scene) -> bytes:
    row = row_of(WANTED, picture="wanted.png", image_date=f"{datetime.now(UTC):%Y-%m-%d}")
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(row))
    writer.writeheader()
    writer.writerow(row)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("people.csv", table.getvalue())
        archive.writestr("wanted.png", (scene.watchlist / f"{WANTED}.png").read_bytes())
    return out.getvalue()


def _go_live(api: Api, scene: Scene) -> str:
    now = datetime.now(UTC)
    deployment_id: str = api.post(
        Role.COMMANDER,
        "/deployments",
        title="North Square",
        use_case="hotspot",
        location="North Square",
        rationale="one of the list was seen here",
        opens_at=(now - timedelta(minutes=1)).isoformat(),
        closes_at=(now + timedelta(hours=1)).isoformat(),
        cameras=[CAMERA],
        faces_per_false_alert=1000,
    )["deployment_id"]
    path = f"/deployments/{deployment_id}"
    job = api.send_zip(Role.WATCHLIST_OFFICER, f"{path}/watchlist/import", _archive(scene))
    imported = f"/imports/{job['import_id']}"
    until(lambda: api.get(Role.WATCHLIST_OFFICER, imported)["ended"], "the import", _UP_S)
    found = api.get(Role.WATCHLIST_OFFICER, imported)
    assert found["counts"]["refused"] == 0, found
    api.post(Role.WATCHLIST_OFFICER, f"{path}/watchlist/freeze")
    api.post(Role.COMMANDER, f"{path}/apply", reason="necessary and proportionate")
    api.post(Role.AUTHORISING_OFFICER, f"{path}/authorise", reason="the grounds hold")
    api.post(Role.COMMANDER, f"{path}/go-live", reason="the shift begins")
    return deployment_id


def _said(services: RunningServices) -> list[ServiceStatus]:
    latest = services.statuses().values()
    return [status for status in latest if status.service in ("capture", "matching")]


def _all_work(services: RunningServices) -> bool:
    return [one.state for one in _said(services)] == [ServiceState.LIVE] * 2


def _all_say_stopped(services: RunningServices) -> bool:
    said = _said(services)
    return all(one.state is ServiceState.NOT_RUNNING and "is stopped" in one.reason for one in said)


def test_from_draft_to_alert_withdrawal_and_stop_by_the_consoles_api(
    kafka: KafkaNode, scene: Scene, tmp_path: Path
) -> None:
    require_redis()
    stack = SharedKafkaStack(node=kafka, folder=tmp_path / "state", models=scene.models)
    url = f"sqlite:///{tmp_path}/console.db"
    tokens = _tokens(url)
    (port,) = free_ports(1)
    settings = Settings(database_url=url, port=port)
    api = Api(f"http://127.0.0.1:{port}", tokens)
    capture = CaptureOptions(cameras=scene.camera, loop=True)
    with (
        stack,
        running(stack, capture, restart=True) as services,
        hosted(stack, {"console": lambda platform: build(platform, settings)}) as consoles,
        api.client,
    ):
        services.wait_up(_UP_S)
        until(consoles["console"].is_live, "the console", _UP_S)
        platform = services.session.platform
        deployment_id = _go_live(api, scene)

        until(lambda: api.get(Role.LFR_OPERATOR, "/alerts")["alerts"], "an alert", _UP_S)
        alert = api.get(Role.LFR_OPERATOR, "/alerts")["alerts"][0]
        assert alert["entry_id"] == entry_id(deployment_id, WANTED)
        assert alert["has_picture"]
        until(
            lambda: (
                tally(platform, deployment_id).keys.destroyed.get(ErasureReason.EVIDENCE_TAKEN, 0)
                > 0
            ),
            "the receipt of the evidence's key",
            _UP_S,
        )

        until(lambda: _all_work(services), "that everything works", _UP_S)
        began = time.monotonic()
        api.post(Role.COMMANDER, f"/deployments/{deployment_id}/stop", reason="a crowd surge")
        until(lambda: _all_say_stopped(services), "that everything stands still", _UP_S)
        stopped_s = time.monotonic() - began
        api.post(Role.COMMANDER, f"/deployments/{deployment_id}/go-live", reason="go on")

        began = time.monotonic()
        api.post(
            Role.COMMANDER,
            f"/deployments/{deployment_id}/watchlist/{alert['entry_id']}/withdraw",
            reason="no longer wanted",
        )
        until(
            lambda: any(
                state.withdrawn == 1
                for state in read_all(platform, WatchlistState)
                if state.deployment_id == deployment_id
            ),
            "the withdrawal in matching",
            _UP_S,
        )
        withdrawn_s = time.monotonic() - began

        # Shown with `pytest -s`.
        _log.info("measured", withdrawn_s=withdrawn_s, stopped_s=stopped_s)
        assert stopped_s < _STOP_WITHIN_S
        assert withdrawn_s < _WITHDRAWN_WITHIN_S

        api.post(Role.COMMANDER, f"/deployments/{deployment_id}/end", reason="the shift is over")
        assert any(
            status.service == "console" and status.state is ServiceState.LIVE
            for status in read_all(platform, ServiceStatus)
        )
        store = Store(url)
        until(
            lambda: not Audit(store, platform.clock).unpublished(1), "the audit's publication", 10
        )
        report = check(read_all(platform, AuditEntry), Audit(store, platform.clock).entries())
        store.close()
    assert report.broken == ()
    assert report.on_topic > 10

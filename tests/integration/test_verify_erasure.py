"""The verification on a real broker and a real keyring: it holds, and notices each promise that is broken on purpose."""

import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import redis
from lookout.events import UNSIGNED, Deployment, DeploymentState, Embedding, ErasureReason, Face
from lookout.hosting.platform import Platform, make_platform
from lookout.hosting.settings import KafkaSection, PlatformSettings
from lookout.sealing.envelope import seal
from lookout.sealing.ports import DataKey, Destruction
from lookout.sealing.signing import ROLE_RECEIPTS, Signer
from lookout_cli.commands.verify import app
from lookout_cli.local.keyring import LocalKeyring
from lookout_cli.session import session_on
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.local import KEEPER_SIGNER, prepare_secrets
from lookout_cli.verify.faults import Fault
from lookout_cli.verify.inject import Saboteur, leave_template, picture_of_nobody
from lookout_keeper.adapters.erasures import TopicLog
from lookout_keeper.metrics import Metrics
from lookout_keeper.processor import Keeper, Patience
from lookout_verifier.promises import (
    DESTROYED,
    DISK,
    GALLERY,
    NO_KEY,
    NOTHING_OPENS,
    ORDER,
    SIGNATURES,
    TOPICS,
    Report,
    Verdict,
)
from lookout_verifier.verification import Options, Sources, verify
from prometheus_client import CollectorRegistry
from support.kafka_node import KafkaNode
from support.redis_node import running_keyring
from typer.testing import CliRunner

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

TTL = timedelta(minutes=5)
FACES = 24
KEPT_ALIVE = 4
OPTIONS = Options(sample=50, settle_s=5)


@dataclass
class World:
    """A deployment whose faces have passed: most destroyed and receipted, a few alive."""

    folder: StateFolder
    platform: Platform
    keyring: LocalKeyring
    kafka: Path
    memory: Path
    copies: Path
    alive: list[DataKey]
    deployment_id: str

    def copy(self) -> Path:
        """The broker's data directory as it is at this moment, the system's own topics of it."""
        target = self.copies / uuid.uuid4().hex
        target.mkdir()
        for partition in self.kafka.glob(f"{self.platform.catalogue.prefix}*"):
            shutil.copytree(partition, target / partition.name)
        return target

    def sources(self) -> Sources:
        """Everything there is of this system."""
        return Sources(
            kafka=[self.copy()],
            prefix=self.platform.catalogue.prefix,
            trust=self.folder.trust,
            keyring=self.keyring.url,
            scan=[self.folder.root],
            gallery=list(self.memory.iterdir()),
            pids=[self.keyring.pid or 0],
        )

    def verified(self) -> Report:
        return verify(self.sources(), OPTIONS)


def keeper_of(platform: Platform) -> Keeper:
    """The keeper of a platform, at the end of its topic."""
    signer = Signer(KEEPER_SIGNER, platform.vault.get(f"signing/{KEEPER_SIGNER}"))
    topic = next(one.name for one in platform.catalogue.topics if one.entry.record == "Erasure")
    keeper = Keeper(
        keyring=platform.keyring,
        log=TopicLog(broker=platform.broker, codec=platform.codec, topic=topic),
        body_of=platform.codec.body,
        sign=signer.sign,
        trusted=lambda signature, said: platform.trust.verify(signature, said, role=ROLE_RECEIPTS),
        name="keeper",
        clock=platform.clock,
        metrics=Metrics(CollectorRegistry()),
        patience=Patience(),
    )
    while not keeper.catch_up():
        pass
    return keeper


def pass_by(platform: Platform, deployment_id: str) -> list[DataKey]:
    """Faces pass, are compared, and all but a few are forgotten; the keys of those few."""
    issuer = platform.issuer(purpose="face", ttl=TTL)
    keys = list(issuer.make(deployment_id, FACES))
    template = (np.ones(128) / np.sqrt(128)).astype("<f4").tobytes()
    now = datetime.now(UTC)
    producer = platform.producer()
    for number, key in enumerate(keys):
        face_id = f"face-{number}"
        thumbnail = seal(key, b"\xff\xd8\xff\xe0\0\x10JFIF\0", what="thumbnail", whose=face_id)
        face = Face(
            deployment_id=deployment_id,
            face_id=face_id,
            track_id=f"track-{number}",
            camera_id="c",
            frame_id="f",
            captured_at=now,
            shot=1,
            box=(0.0, 0.0, 1.0, 1.0),
            landmarks=(0.5,) * 10,
            quality=0.9,
            pack_sha256="0" * 64,
            chip_size=112,
            chip=seal(key, picture_of_nobody(), what="chip", whose=face_id),
            thumbnail=thumbnail,
        )
        embedding = Embedding(
            deployment_id=deployment_id,
            face_id=face_id,
            track_id=face.track_id,
            camera_id="c",
            captured_at=now,
            shot=1,
            quality=0.9,
            pack_sha256=face.pack_sha256,
            template=seal(key, template, what="template", whose=face_id),
            thumbnail=thumbnail,
        )
        producer.produce(platform.codec.outgoing(face))
        producer.produce(platform.codec.outgoing(embedding))
    producer.flush()
    orders = [
        Destruction(
            key_id=key.key_id,
            reason=ErasureReason.NO_MATCH,
            deployment_id=deployment_id,
            captured_at=now,
        )
        for key in keys[KEPT_ALIVE:]
    ]
    platform.keyring.destroy(orders, by="matching", at=now)
    return keys[:KEPT_ALIVE]


def open_deployment(platform: Platform, folder: StateFolder, deployment_id: str) -> Deployment:
    """A live deployment, signed by the command line."""
    control = session_on(platform, folder).control
    now = datetime.now(UTC)
    return control._publish(
        Deployment(
            deployment_id=deployment_id,
            state=DeploymentState.LIVE,
            opens_at=now,
            closes_at=now + timedelta(hours=1),
            cameras=("c",),
            target_fpir=0.001,
            pack_name="mobile",
            pack_sha256="0" * 64,
            watchlist_hash="",
            confirm_shots=2,
            confirm_of=3,
            authority="test",
            demonstration=True,
            updated_at=now,
            signature=UNSIGNED,
        )
    )


@pytest.fixture(name="world")
def world_fixture(kafka: KafkaNode, tmp_path: Path) -> Iterator[World]:
    if kafka.local is None:
        pytest.skip("the broker is not ours: its data directory is out of reach")
    folder = StateFolder(tmp_path / "state")
    folder.prepare()
    prepare_secrets(folder)
    deployment_id = str(uuid.uuid4())
    with running_keyring(folder.keyring) as keyring:
        settings = PlatformSettings(
            topic_prefix=f"test-{uuid.uuid4().hex[:8]}.",
            keyring_url=keyring.url,
            vault_folder=folder.vault,
            vault_secret_file=folder.vault_secret,
            trust_file=folder.trust,
            demonstration=True,
            instance="cli",
            kafka=KafkaSection(bootstrap=kafka.bootstrap),
        )
        platform = make_platform("cli", settings)
        try:
            platform.broker.create_topics([topic.spec for topic in platform.catalogue.topics])
            open_deployment(platform, folder, deployment_id)
            alive = pass_by(platform, deployment_id)
            keeper_of(platform).drain()
            memory, copies = tmp_path / "memory", tmp_path / "copies"
            memory.mkdir()
            copies.mkdir()
            gallery = memory / "lookout-gallery-live"
            leave_template(gallery / f"lookout-{deployment_id}")
            yield World(
                folder=folder,
                platform=platform,
                keyring=keyring,
                kafka=kafka.local.log_file.parent / "data",
                memory=memory,
                copies=copies,
                alive=alive,
                deployment_id=deployment_id,
            )
        finally:
            platform.close()


def test_every_promise_is_kept_while_the_system_works(world: World) -> None:
    report = world.verified()

    assert {one.promise: one.verdict for one in report.findings} == dict.fromkeys(
        ORDER, Verdict.KEPT
    ), report.as_json()
    numbers = {one.promise: one.numbers for one in report.findings}
    assert numbers["balance"]["alive"] == KEPT_ALIVE
    assert numbers["balance"]["receipts"] == FACES - KEPT_ALIVE
    assert numbers[DESTROYED]["sampled"] == OPTIONS.sample
    assert numbers[GALLERY]["template_files_of_live"] == 1
    assert numbers[NO_KEY]["keys_searched"] == KEPT_ALIVE


@pytest.mark.parametrize(
    ("fault", "promise"),
    [
        (Fault.SKIPPED_DESTROY, DESTROYED),
        (Fault.FORGED_RECEIPT, SIGNATURES),
        (Fault.PLAINTEXT_CHIP, TOPICS),
        (Fault.TEMPLATE_LEFT, GALLERY),
    ],
)
def test_a_promise_broken_on_purpose_is_named(world: World, fault: Fault, promise: str) -> None:
    with Saboteur(world.platform, world.memory).injected(fault):
        report = world.verified()

    assert report.exit_code == 1
    assert report.broken[0] == promise
    assert set(report.broken) <= {promise, DISK}


@pytest.mark.parametrize("fault", [Fault.SKIPPED_DESTROY, Fault.TEMPLATE_LEFT])
def test_what_can_be_undone_is_undone(world: World, fault: Fault) -> None:
    with Saboteur(world.platform, world.memory).injected(fault):
        pass

    assert world.verified().broken == []


def test_templates_of_a_deployment_that_is_over_are_left_templates(world: World) -> None:
    control = session_on(world.platform, world.folder).control
    (deployment,) = control.deployments()
    control._publish(replace(deployment, state=DeploymentState.ENDED))

    assert world.verified().broken == [GALLERY]


def test_a_copy_taken_mid_run_opens_nothing_on_another_machine(
    world: World, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    world.copy().rename(elsewhere)

    report = verify(Sources(kafka=[elsewhere], prefix=world.platform.catalogue.prefix), OPTIONS)

    found = {one.promise: one for one in report.findings}
    assert report.exit_code == 0
    assert found[NOTHING_OPENS].verdict is Verdict.KEPT
    assert found[NOTHING_OPENS].numbers["opened"] == 0
    # A chip and a thumbnail a face, a template and the thumbnail again an embedding.
    assert found[NOTHING_OPENS].numbers["sealed_payloads"] == 4 * FACES
    assert found["balance"].verdict is Verdict.SKIPPED


def test_a_key_that_reached_a_disk_is_found(world: World) -> None:
    (world.folder.logs / "matching.log").write_text(f"key={world.alive[0].secret.hex()}\n")

    assert NO_KEY in world.verified().broken


def test_a_keyring_that_logs_its_slow_commands_breaks_its_promise(world: World) -> None:
    client = redis.Redis.from_url(world.keyring.url)
    client.config_set("slowlog-log-slower-than", "0")
    client.ping()
    report = world.verified()
    client.close()

    assert report.broken == [NO_KEY]


def test_a_copy_torn_off_in_the_middle_of_a_batch_is_read_up_to_there(world: World) -> None:
    copy = world.copy()
    for path in copy.glob("*faces-*/*.log"):
        with path.open("r+b") as file:
            file.truncate(max(0, path.stat().st_size - 100))

    report = verify(Sources(kafka=[copy], prefix=world.platform.catalogue.prefix), OPTIONS)

    found = {one.promise: one for one in report.findings}
    assert report.exit_code == 0
    assert found[TOPICS].numbers["torn_tails"] > 0


def test_the_command_reports_for_machines_and_exits_by_what_it_found(world: World) -> None:
    words = ["erasure", "--kafka-data", str(world.copy()), "--json"]
    words += ["--prefix", world.platform.catalogue.prefix, "--trust", str(world.folder.trust)]

    kept = CliRunner().invoke(app, words)
    with Saboteur(world.platform, world.memory).injected(Fault.FORGED_RECEIPT):
        words[2] = str(world.copy())
    broken = CliRunner().invoke(app, words)

    assert (kept.exit_code, json.loads(kept.stdout)["verdict"]) == (0, "kept")
    assert (broken.exit_code, json.loads(broken.stdout)["first_broken"]) == (1, SIGNATURES)


@pytest.mark.parametrize(
    "words",
    [
        ["erasure"],
        ["erasure", "--kafka-data", "."],
        ["erasure", "--kafka-data", ".", "--inject", "template-left"],
        ["erasure", "--inject", "template-left"],
    ],
    ids=["no stack", "no data", "sabotage by hand", "sabotage of nothing"],
)
def test_not_being_able_to_look_is_not_a_broken_promise(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert CliRunner().invoke(app, words).exit_code == 2

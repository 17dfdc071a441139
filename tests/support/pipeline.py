"""The whole pipeline for tests: a scene with one wanted person in it, and stacks to run its services on."""

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pytest
from lookout.events import (
    UNSIGNED,
    Deployment,
    DeploymentState,
    Event,
    ServiceState,
    ServiceStatus,
)
from lookout.hosting.platform import Platform
from lookout.hosting.service import Service, serve
from lookout.hosting.settings import PlatformSettings
from lookout.sealing.signing import Signer
from lookout.stream.ports import Message, Outgoing
from lookout.telemetry.status import State
from lookout.vision.alignment import align_chip
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.pack import LoadedPack, load_pack, read_pack
from lookout.vision.quality import measure_shot
from lookout_cli.control import read_all
from lookout_cli.demo.run import Demonstration, enrol_and_open
from lookout_cli.local.keyring import LocalKeyringError, server_binary
from lookout_cli.models.pull import pull
from lookout_cli.session import Session
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.local import LocalStack
from lookout_cli.stack.services import Builder
from lookout_cli.watchlist.gate import EnrolmentLimits, refusal
from support.kafka_node import KafkaNode
from support.polling import until

CAMERA = "camera-1"
WANTED = "wanted"
FPS = 10
# Frames in which each is to be seen: the wanted person leaves long enough for a loop of the scene to be another pass.
_WANTED_SEEN = range(3, 23)
_STRANGERS_SEEN = (range(15, 35), range(30, 50))
_FRAMES = 50
_ENROLLED_SCALE = 3.0
_PASSING_SCALE = 1.3
_CLEARLY = 0.1

E = TypeVar("E", bound=Event)


def folder_from(variable: str, what: str) -> Path:
    """The folder that the environment names; skips the test where there is none."""
    folder = os.environ.get(variable)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"no {what}: {variable} names no folder")
    return Path(folder)


def pulled_models(cache: Path) -> Path:
    """A folder with the default pack, from the mirror."""
    mirror = folder_from("LOOKOUT_MODEL_MIRROR", "model files")
    pull(
        read_pack("mobile"),
        cache,
        mirror=mirror,
        acknowledge=False,
        progress=lambda what, done, total: None,
    )
    return cache


@dataclass(frozen=True, slots=True)
class Scene:
    """Footage as a folder of pictures, and a watchlist folder with one picture of one person who passes in it."""

    footage: Path
    watchlist: Path
    models: Path

    @property
    def camera(self) -> str:
        """The footage in capture's own form."""
        return f"{CAMERA}=folder:{self.footage}"

    def enrol_and_open(self, session: Session) -> str:
        """Enrol the wanted person and put a deployment into force; its id."""
        demonstration = Demonstration(
            watchlist=self.watchlist,
            cameras=(CAMERA,),
            loaded=load_pack("mobile", self.models),
            target_fpir=0.001,
            alerts_folder=self.footage.parent / "alerts",
        )
        return enrol_and_open(session, demonstration, lambda _: None)


def compose_scene(models: Path, folder: Path) -> Scene:
    """A person enrolled with one picture passes as another, and two strangers pass."""
    pack = load_pack("mobile", models)
    enrolled, *passing = _cast(pack)
    scene = Scene(footage=folder / "footage", watchlist=folder / "watchlist", models=models)
    scene.footage.mkdir()
    scene.watchlist.mkdir()
    cv2.imwrite(str(scene.watchlist / f"{WANTED}.png"), enrolled)
    street = np.random.default_rng(1).integers(90, 150, (72, 128, 3), dtype=np.uint8)
    street = cv2.resize(street, (1280, 720), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    for number in range(_FRAMES):
        frame = street.copy()
        for lane, (picture, seen) in enumerate(
            zip(passing, (_WANTED_SEEN, *_STRANGERS_SEEN), strict=True)
        ):
            if number in seen:
                left, top = 20 + 420 * lane + 4 * (number - seen.start), 200
                frame[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        cv2.imwrite(str(scene.footage / f"{number:03}.jpg"), frame)
    return scene


def _cast(pack: LoadedPack) -> Sequence[Image]:
    """The enrolled picture, another one of the same person, and one each of two people who are clearly others."""
    people: dict[str, list[Path]] = {}
    for path in sorted(folder_from("LOOKOUT_FACES", "evaluation images").glob("lfw/*/*.jpg")):
        people.setdefault(path.parent.name, []).append(path)
    threshold = pack.pack.threshold(0.001, 1)
    wanted: tuple[FloatArray, Image, Image] | None = None
    strangers: list[Image] = []
    for pictures in people.values():
        passing = _read(pictures[-1], _PASSING_SCALE)
        template = _template(pack, passing)
        if template is None:
            continue
        if wanted is None and len(pictures) > 1:
            enrolled = _read(pictures[0], _ENROLLED_SCALE)
            known = _template(pack, enrolled, limits=EnrolmentLimits())
            if known is not None and known @ template > threshold + _CLEARLY:
                wanted = known, enrolled, passing
        elif wanted is not None and wanted[0] @ template < threshold - _CLEARLY:
            strangers.append(passing)
        if wanted is not None and len(strangers) == len(_STRANGERS_SEEN):
            return [wanted[1], wanted[2], *strangers]
    pytest.skip("the evaluation images hold too few people")


def _read(path: Path, scale: float) -> Image:
    image = cv2.imread(str(path))
    assert image is not None
    enlarged = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged, dtype=np.uint8)


def _template(
    pack: LoadedPack, image: Image, *, limits: EnrolmentLimits | None = None
) -> FloatArray | None:
    found = pack.detector().detect(image)
    if len(found) != 1:
        return None
    if limits and refusal(measure_shot(image, found.boxes[0], found.landmarks[0]), limits):
        return None
    spec = pack.pack.embedder
    chip = align_chip(image, found.landmarks[0], spec.template_points, spec.size)
    return np.asarray(pack.embedder().embed(chip[None])[0], dtype=np.float32)


def require_redis() -> None:
    """Skip the test where there is no keyring server."""
    try:
        server_binary()
    except LocalKeyringError as error:
        pytest.skip(str(error))


class SharedKafkaStack(LocalStack):
    """A local stack on a broker that others use too: its topics have names of their own."""

    def __init__(self, *, node: KafkaNode, folder: Path, models: Path) -> None:
        super().__init__(
            folder=StateFolder(folder),
            with_kafka=False,
            pack="mobile",
            models=models,
            say=lambda _: None,
        )
        self.broker = None
        self._node = node
        self._prefix = f"test-{uuid.uuid4().hex[:8]}."

    @property
    def bootstrap(self) -> str:
        """See `LocalStack`."""
        return self._node.bootstrap

    def settings(self, service: str = "", metrics_port: int = 0) -> PlatformSettings:
        """See `LocalStack`."""
        settings = super().settings(service, metrics_port)
        return settings.model_copy(update={"topic_prefix": self._prefix})


def memory_stack(folder: Path, models: Path = Path()) -> LocalStack:
    """A local stack on the in-memory broker, with a real keyring."""
    return LocalStack(
        folder=StateFolder(folder),
        with_kafka=False,
        pack="mobile",
        models=models,
        say=lambda _: None,
    )


class Hosted:
    """A service in a thread of this process."""

    def __init__(self, platform: Platform, build: Builder) -> None:
        self.platform = platform
        self._build = build
        self._stop = threading.Event()
        self._service: Service | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=platform.service)
        self._thread.start()

    def state(self) -> State:
        """How the service says it is."""
        if self._failure is not None:
            raise self._failure
        return self._service.state() if self._service else (ServiceState.NOT_RUNNING, "built")

    def is_live(self) -> bool:
        """Whether it works."""
        return self.state()[0] is ServiceState.LIVE

    def refused(self, topic: str) -> Mapping[str, float]:
        """How many control records of a topic it ignored, by kind."""
        return {
            sample.labels["kind"]: sample.value
            for metric in self.platform.registry.collect()
            if metric.name == "lookout_control_refused"
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["topic"] == topic
        }

    def end(self) -> None:
        """Tell it to stop, and wait for it."""
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _build_and_keep(self, platform: Platform) -> Service:
        self._service = self._build(platform)
        return self._service

    def _run(self) -> None:
        try:
            serve(self.platform, self._build_and_keep, self._stop)
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread, whatever it is
            self._failure = error


@contextmanager
def hosted(stack: LocalStack, services: Mapping[str, Builder]) -> Iterator[Mapping[str, Hosted]]:
    """Services in threads, each on a platform of its own; ended in the order given."""
    running: dict[str, Hosted] = {}
    with ExitStack() as ends:
        for name, build in reversed(list(services.items())):
            running[name] = Hosted(stack.platform(name), build)
            ends.callback(running[name].end)
        yield running


class Pulse:
    """Says once in a while that services are live, as they would themselves, until it is told to be silent."""

    def __init__(self, platform: Platform, services: Sequence[str]) -> None:
        self.services = set(services)
        self._platform = platform
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse")
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            now = self._platform.clock()
            for service in sorted(self.services):
                self._platform.emit(
                    ServiceStatus(
                        deployment_id="",
                        service=service,
                        instance=f"{service}-1",
                        state=ServiceState.LIVE,
                        reason="",
                        since=now,
                        reported_at=now,
                    )
                )
            self._stop.wait(0.3)


def a_deployment(
    now: datetime,
    *,
    deployment_id: str = "deployment-1",
    state: DeploymentState = DeploymentState.LIVE,
    lasts: timedelta = timedelta(hours=1),
    demonstration: bool = False,
    pack_sha256: str = "0" * 64,
    watchlist_hash: str = "0" * 64,
) -> Deployment:
    """An unsigned deployment that covers the camera from now on."""
    return Deployment(
        deployment_id=deployment_id,
        state=state,
        opens_at=now,
        closes_at=now + lasts,
        cameras=(CAMERA,),
        target_fpir=0.001,
        pack_name="mobile",
        pack_sha256=pack_sha256,
        watchlist_hash=watchlist_hash,
        confirm_shots=2,
        confirm_of=3,
        authority="test",
        demonstration=demonstration,
        updated_at=now,
        signature=UNSIGNED,
    )


def signed(platform: Platform, deployment: Deployment, signer: Signer) -> Deployment:
    """The deployment with a signature."""
    return replace(deployment, signature=signer.sign(platform.codec.unsigned_body(deployment)))


def raw_messages(platform: Platform, kind: type[Event]) -> Sequence[Message]:
    """All that is on a kind's topic, undecoded."""
    reader = platform.broker.reader([platform.topic(kind)])
    found: list[Message] = []
    try:
        while not reader.caught_up():
            found += reader.poll(500, 0.5)
    finally:
        reader.close()
    return found


def send_raw(platform: Platform, topic: str, *values: bytes) -> None:
    """Put values on a topic as they are."""
    producer = platform.producer()
    for value in values:
        producer.produce(Outgoing(topic, b"key", value))
    producer.flush()


def awaited(
    platform: Platform, kind: type[E], wanted: Callable[[E], bool], what: str, timeout_s: float = 30
) -> E:
    """The first event on a topic that is wanted, as soon as it is there."""
    found: list[E] = []

    def there() -> bool:
        found[:] = [event for event in read_all(platform, kind) if wanted(event)]
        return bool(found)

    until(there, what, timeout_s)
    return found[0]

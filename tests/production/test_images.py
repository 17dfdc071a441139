"""Every image built from the Dockerfile: what it is, what it lacks, and all of them together until an alert waits at the console."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from lookout_cli.accounts import tally
from lookout_cli.demo.officers import Officer
from lookout_cli.local.ports import free_ports
from lookout_cli.stack.services import orders
from support.built_images import SBOMS, TARGETS, build_images, container_engine, pinned
from support.contained import CONFINED, USER, Containers, hand_over
from support.container_engine import Engine
from support.debian_packages import need_programs
from support.kafka_node import KafkaNode
from support.pipeline import SharedKafkaStack, require_redis
from support.polling import until
from support.postgres_node import running_postgres
from support.scene import CAMERA, Scene, compose_scene, pulled_models

pytestmark = pytest.mark.timeout(2400)

_MEGABYTE = 1_000_000
# With the stand-ins for the base images: more with what runs models, less without; the command line trains, evaluates and draws.
_MOST_MB = {
    **dict.fromkeys(("detection", "embedding", "console"), 400),
    **dict.fromkeys(("matching", "alerting", "keeper", "capture"), 250),
    "cli": 780,
}
_UP_S = 180.0
_ALERT_S = 120.0
# Nothing in an image may start a shell, install a package or compile.
_ABSENT = """
import importlib.util, os, shutil, sys
tools = ["sh", "bash", "dash", "apt", "apt-get", "dpkg", "pip", "pip3", "uv", "gcc", "cc", "make", "curl", "wget"]
modules = ["pip", "setuptools", "ensurepip", "pytest", "hatchling"]
there = [name for name in tools if shutil.which(name)]
there += [name for name in modules if importlib.util.find_spec(name)]
print(" ".join(there), end="")
"""
_WRITABLE = """
import os
found = []
for folder in ("/", "/opt/lookout", "/usr/lib", "/etc", "/models", "/tmp"):
    try:
        with open(os.path.join(folder, "probe"), "w"):
            found.append(folder)
    except OSError:
        pass
print(os.getuid(), os.getgid(), *found, end="")
"""
# Packages have lost what nobody loads, and libraries what is not loaded: all that is left has to load.
_LOADING = """
import ctypes, importlib, pathlib, pkgutil
libraries = sorted(pathlib.Path("/opt/lookout/lib").rglob("*.so*"))
service = importlib.import_module("{service}")
modules = [one.name for one in pkgutil.walk_packages(service.__path__, "{service}.") if not any(part in one.name for part in (".migrations.", ".bench.peer_"))]
for name in modules:
    importlib.import_module(name)
for library in libraries:
    ctypes.CDLL(str(library))
print(len(libraries), "and", len(modules), end="")
"""
_CONSOLES = """
import apprise
from lookout_console.actions.records import Record, Row, Section
from lookout_console.web.pdf import as_pdf
row = Row(words="Faces seen", value="12", note="")
record = Record(title="Market", sections=(Section(title="Figures", rows=(row,)),), warnings=())
print(as_pdf(record)[:4].decode(), apprise.Apprise().add("mailto://who:what@example.org"), end="")
"""


@pytest.fixture(name="engine", scope="module")
def engine_fixture() -> Iterator[Engine]:
    with container_engine() as engine:
        yield engine


@pytest.fixture(name="images", scope="module")
def images_fixture(engine: Engine) -> Mapping[str, str]:
    return build_images(engine)


@pytest.fixture(name="scene", scope="module")
def scene_fixture(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    models = pulled_models(tmp_path_factory.mktemp("models"))
    return compose_scene(models, tmp_path_factory.mktemp("scene"))


def _python(engine: Engine, image: str, code: str) -> str:
    return engine.run(
        *("run", "--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),  # noqa: S108 - inside the container
        *("--network", "none", "--entrypoint", "/usr/bin/python3", image, "-c", code),
    )


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_is_no_larger_than_allowed(
    engine: Engine, images: Mapping[str, str], target: str, figures: Callable[[str, object], None]
) -> None:
    megabytes = engine.inspect(images[target])["Size"] / _MEGABYTE
    figures(f"image {target}", f"{megabytes:.0f} MB uncompressed (allowed: {_MOST_MB[target]})")
    assert megabytes < _MOST_MB[target]


@pytest.mark.parametrize("target", TARGETS)
def test_all_that_an_image_holds_of_compiled_code_and_of_its_service_loads(
    engine: Engine, images: Mapping[str, str], target: str, figures: Callable[[str, object], None]
) -> None:
    loaded = _python(engine, images[target], _LOADING.format(service=f"lookout_{target}"))
    figures(f"libraries and modules that load in {target}", loaded)


def test_the_console_writes_its_pdf_and_knows_its_channels_without_what_is_left_out(
    engine: Engine, images: Mapping[str, str]
) -> None:
    assert _python(engine, images["console"], _CONSOLES) == "%PDF True"


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_nobody_in_particular_and_says_what_it_is(
    engine: Engine, images: Mapping[str, str], target: str
) -> None:
    config = engine.inspect(images[target])["Config"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["/usr/bin/python3", "-m", f"lookout_{target}"]
    labels = {
        name.removeprefix("org.opencontainers.image."): said
        for name, said in config["Labels"].items()
    }
    assert labels["title"] == f"lookout-{target}"
    assert labels["version"] == pinned()["LOOKOUT_VERSION"]
    assert labels["licenses"] == "Apache-2.0"
    assert labels["base.name"] == pinned()["RUNTIME_IMAGE"]
    assert labels["revision"] not in {"", "unknown"}
    probed = config["Healthcheck"]["Test"]
    assert probed == (
        ["NONE"] if target == "cli" else ["CMD", "/usr/bin/python3", "-m", "lookout.probe"]
    )
    # A certificate authority or an index of the machine that built it is in no layer's history.
    assert "/run/secrets/" not in json.dumps(config["Env"])


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_holds_no_shell_no_pip_and_no_compiler_and_writes_to_its_tmp_alone(
    engine: Engine, images: Mapping[str, str], target: str
) -> None:
    # A locked dependency of the command line, and of no service.
    locked = "setuptools" if target == "cli" else ""
    assert _python(engine, images[target], _ABSENT) == locked
    assert _python(engine, images[target], _WRITABLE) == f"{USER} {USER} /tmp"


@pytest.mark.parametrize("target", TARGETS)
def test_a_bill_of_materials_names_everything_that_is_installed(
    engine: Engine, images: Mapping[str, str], target: str, figures: Callable[[str, object], None]
) -> None:
    bill = json.loads((SBOMS / f"lookout-{target}.cdx.json").read_text())
    named = {
        f"{one['name'].lower().replace('_', '-')}=={one['version']}" for one in bill["components"]
    }
    installed = _python(
        engine,
        images[target],
        "import importlib.metadata as m; print(*sorted({d.name.lower().replace('_', '-') + '==' + d.version for d in m.distributions()}))",
    ).split()
    assert bill["bomFormat"] == "CycloneDX"
    own = f"lookout-{target}=="
    assert {one for one in installed if not one.startswith(own)} <= named
    figures(f"bill of materials {target}", f"{len(named)} components in build/sbom")


def test_secrets_are_made_by_a_confined_container_and_read_by_another(
    engine: Engine, images: Mapping[str, str], tmp_path: Path
) -> None:
    names = {
        name: f"lookout-{tmp_path.name}-{name}"
        for name in ("state", "keyring", "database", "qdrant")
    }
    try:
        engine.run(
            *("run", "--rm", *CONFINED, "--volume", f"{names['state']}:/state"),
            *(word for name in ("keyring", "database", "qdrant") for word in ("--volume", f"{names[name]}:/stores/{name}")),
            *(images["cli"], "prepare", "secrets", "/stores", "--state", "/state"),
        )  # fmt: skip
        read = "import pathlib; print(pathlib.Path('/state/trust.json').exists(), len(pathlib.Path('/stores/keyring/password').read_text()), end='')"
        said = engine.run(
            *("run", "--rm", *CONFINED, "--volume", f"{names['state']}:/state:ro"),
            *("--volume", f"{names['keyring']}:/stores/keyring:ro"),
            *("--entrypoint", "/usr/bin/python3", images["keeper"], "-c", read),
        )
        assert said == "True 43"
    finally:
        engine.run("volume", "rm", *names.values(), check=False)


@pytest.mark.kafka
@pytest.mark.redis
@pytest.mark.models
@pytest.mark.faces
def test_the_services_as_containers_end_with_an_alert_that_waits_at_the_console(
    engine: Engine,
    images: Mapping[str, str],
    kafka: KafkaNode,
    scene: Scene,
    tmp_path: Path,
    figures: Callable[[str, object], None],
) -> None:
    need_programs(psql="postgresql")
    require_redis()
    shared = _Shared(tmp_path, scene)
    stack = SharedKafkaStack(node=kafka, folder=shared.state, models=Path("/models"))
    containers = Containers(engine, f"lookout-{tmp_path.name}")
    services, ending = orders(with_console=True)
    with running_postgres() as postgres, postgres.database() as database, stack:
        shared.hand_over()
        hand_over(stack.keyring.socket_path.parent)
        ports = dict(zip((*services, "pages"), free_ports(len(services) + 1), strict=True))
        console = f"http://127.0.0.1:{ports['pages']}"
        told = _told(database, ports["pages"])
        mounts = [
            *shared.mounts(),
            f"{stack.keyring.socket_path.parent}:{stack.keyring.socket_path.parent}",
        ]
        try:
            started = {
                service: containers.start(
                    service,
                    images[service],
                    environment={
                        **stack.environment(service, ports[service]),
                        **told.get(service, {}),
                    },
                    mounts=mounts,
                )
                for service in services
            }
            for service, container in started.items():
                _wait_healthy(containers, service, container)
            there = containers.once(
                images["cli"], "topics", "create", "--state", str(shared.state.resolve()),
                environment=stack.environment("cli", 0), mounts=mounts,
            )  # fmt: skip
            assert "every topic is there" in there
            said = containers.once(
                images["cli"], "prepare", "demonstration", "--console", console, "--shown-as", console,
                "--first-link", "/console/first-sign-in-link", "--pictures", "/pictures", "--camera", CAMERA,
                environment={}, mounts=mounts,
            )  # fmt: skip
            link = next(word for word in said.split() if word.startswith(console))
            deployment_id = said.split("in force: ")[1].split()[0]
            with Officer(link) as officer:
                until(
                    lambda: bool(officer.read("/alerts")["alerts"]),
                    "an alert at the console",
                    _ALERT_S,
                )
                alert = officer.read("/alerts")["alerts"][0]
                assert alert["has_picture"]
                assert (
                    officer.picture(f"/alerts/{alert['alert_id']}/picture/seen")[:2] == b"\xff\xd8"
                )
            exits = {service: containers.stop(started[service]) for service in ending}
        except AssertionError:
            for container in started.values():
                print(container, containers.log(container))  # noqa: T201 - shown by pytest where it fails
            raise
        finally:
            containers.remove()
        platform = stack.platform()
        try:
            keys = tally(platform, deployment_id).keys
        finally:
            platform.close()
    assert exits == dict.fromkeys(services, 0)
    assert keys.made > 0
    assert keys.unaccounted == 0
    figures("containers: services healthy, confined, and drained at SIGTERM", len(exits))
    figures("containers: alert waiting at the console", alert["alert_id"])
    figures(
        "containers: keys",
        f"made {keys.made}, destroyed {sum(keys.destroyed.values())}, unaccounted {keys.unaccounted}",
    )


def _wait_healthy(containers: Containers, service: str, container: str) -> None:
    until(lambda: containers.health(container) == "healthy", f"{service} healthy", _UP_S)


class _Shared:
    """What the containers share with each other, in one folder of the host."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        self._folder = folder
        self.state = folder / "state"
        for name in ("footage", "pictures", "models", "console"):
            (folder / name).mkdir()
        for picture in scene.footage.glob("*.jpg"):
            shutil.copy(picture, folder / "footage")
        for model in scene.models.iterdir():
            shutil.copy(model, folder / "models")
        picture = next(scene.watchlist.iterdir())
        shutil.copy(picture, folder / "pictures" / f"wanted{picture.suffix}")

    def hand_over(self) -> None:
        """Give all of it to the containers' user; they see what is mounted, whatever lies above it."""
        hand_over(self._folder)

    def mounts(self) -> list[str]:
        """Docker's mounts."""
        return [
            f"{self.state.resolve()}:{self.state.resolve()}",
            *(f"{self._folder}/{name}:/{name}:ro" for name in ("footage", "pictures", "models")),
            f"{self._folder}/console:/console",
        ]


def _told(database: str, port: int) -> Mapping[str, Mapping[str, str]]:
    return {
        "capture": {
            "LOOKOUT_CAPTURE_CAMERAS": f"{CAMERA}=folder:/footage",
            "LOOKOUT_CAPTURE_LOOP": "true",
        },
        "console": {
            "LOOKOUT_CONSOLE_DATABASE_URL": database,
            "LOOKOUT_CONSOLE_PORT": str(port),
            "LOOKOUT_CONSOLE_FIRST_LINK_FILE": "/console/first-sign-in-link",
        },
    }

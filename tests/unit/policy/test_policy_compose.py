"""What docker-compose.yml, .env and the Dockerfile promise: pinned, confined, bounded, healthy, and no secret in sight."""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from lookout.hosting.settings import KafkaSection, PlatformSettings

_ROOT = Path(__file__).resolve().parents[3]
_SERVICES = ("capture", "detection", "embedding", "matching", "alerting", "keeper", "console")
_SECRET = re.compile(r"(PASSWORD|SECRET|TOKEN|API_KEY|PRIVATE_KEY)$")
# Not settings: what images of Lookout set for Python and its libraries.
_VARIABLE = re.compile(r"^\$\{([A-Z_]+)\}")


def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
    return loaded


def _pinned() -> Mapping[str, str]:
    lines = (_ROOT / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


_COMPOSE = _compose()
_ALL = sorted(_COMPOSE["services"])
_ONCE = [name for name in _ALL if _COMPOSE["services"][name]["restart"] == "no"]


def _service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = _COMPOSE["services"][name]
    return found


def _fields(prefix: str, settings: Any) -> Iterator[str]:
    return (f"{prefix}{name.upper()}" for name in settings.model_fields)


def _read_by(service: str) -> set[str]:
    """Every variable that a service of Lookout reads."""
    own = [service] if service in _SERVICES else ["console"] if service == "migrations" else []
    names = {*_fields("LOOKOUT_", PlatformSettings), *_fields("LOOKOUT_KAFKA_", KafkaSection)}
    for name in own:
        settings = import_module(f"lookout_{name}.settings").Settings
        names.update(_fields(settings.model_config["env_prefix"], settings))
    return names


def test_there_is_a_service_for_every_service_of_lookout_and_no_name_twice() -> None:
    assert set(_SERVICES) <= set(_ALL)


@pytest.mark.parametrize("name", _ALL)
def test_an_image_is_named_in_the_environment_file_with_a_version(name: str) -> None:
    image = _service(name)["image"]
    resolved = re.sub(r"\$\{([A-Z_]+)\}", lambda found: _pinned()[found[1]], image)
    assert _VARIABLE.match(image), f"{image} is not pinned in .env"
    assert re.search(r":v?\d+\.\d+", resolved), f"{resolved} has no version"


@pytest.mark.parametrize("name", _ALL)
def test_a_container_is_confined_and_bounded(name: str) -> None:
    service = _service(name)
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ulimits"] == {"core": 0}
    assert "privileged" not in service
    assert "cap_add" not in service
    # No swap: what is in memory alone stays there.
    assert service["mem_limit"] == service["memswap_limit"]


@pytest.mark.parametrize("name", _ALL)
def test_a_container_that_stays_has_a_health_check_and_one_that_ends_has_none(name: str) -> None:
    check = _service(name)["healthcheck"]
    if name in _ONCE:
        assert check == {"disable": True}
    else:
        assert check["test"][0] == "CMD", "a health check needs no shell"


@pytest.mark.parametrize("name", _ALL)
def test_no_secret_stands_in_an_environment_or_a_command(name: str) -> None:
    service = _service(name)
    named = [key for key in service.get("environment", {}) if _SECRET.search(key)]
    assert named == [], "secrets are files"
    said = " ".join(
        [*map(str, service.get("command", [])), *map(str, service.get("environment", {}).values())]
    )
    assert not re.search(r"://[^/@\s]+:[^/@\s]+@", said), "an address holds a password"


@pytest.mark.parametrize("name", [*_SERVICES, "topics", "migrations"])
def test_a_service_is_told_nothing_that_it_does_not_read(name: str) -> None:
    told = {key for key in _service(name)["environment"] if key.startswith("LOOKOUT_")}
    assert told <= _read_by(name), f"nobody reads {sorted(told - _read_by(name))}"


@pytest.mark.parametrize("name", _ALL)
def test_what_is_depended_on_is_there_and_waited_for_until_it_works(name: str) -> None:
    for other, how in _service(name).get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in _ONCE else "service_healthy"
        assert how == {"condition": wanted}, f"{name} waits for {other}"
        assert not _service(other).get("profiles") or _service(name).get("profiles")


@pytest.mark.parametrize("name", _ALL)
def test_a_port_is_opened_on_the_loopback_alone_and_stores_have_none(name: str) -> None:
    ports = _service(name).get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not ports or name in {"console", "prometheus", "alertmanager", "grafana"}


def test_stores_and_services_are_on_a_network_without_a_way_out() -> None:
    assert _COMPOSE["networks"]["inner"] == {"internal": True}
    outside = {name for name in _ALL if "outer" in _service(name)["networks"]}
    assert outside == {"console", "models", "footage", "prometheus", "alertmanager", "grafana"}


def test_secrets_are_written_by_the_one_that_makes_them_and_mounted_where_they_are_needed() -> None:
    mounts = {name: _mounts(name) for name in _ALL}
    for volume in ("keyring-secret", "database-secret", "qdrant-secret"):
        writers = {name for name, found in mounts.items() if volume in found and not found[volume]}
        assert writers == {"secrets"}, volume
    assert {name for name, found in mounts.items() if "qdrant-secret" in found} == {
        "secrets",
        "qdrant",
        "matching",
    }
    assert {name for name, found in mounts.items() if "database-secret" in found} == {
        *("secrets", "database", "migrations", "console"),
    }
    # Keys of the vault are made and destroyed by these; everybody else reads.
    assert {name for name, found in mounts.items() if found.get("state") is False} == {
        *("secrets", "keeper", "console"),
    }


def _mounts(name: str) -> dict[str, bool]:
    """Volumes by name, and whether they are read-only."""
    found = {}
    for mount in _service(name).get("volumes", []):
        source, _, *mode = mount.split(":")
        found[source] = mode == ["ro"]
    return found


def test_files_of_the_host_are_there_and_read_only() -> None:
    for name in _ALL:
        for source, read_only in _mounts(name).items():
            if source.startswith("./"):
                assert read_only, source
                assert (_ROOT / source).exists() or source.startswith("./charts/lookout/files/"), (
                    source
                )


def test_the_keyring_is_told_by_file_alone_to_keep_nothing() -> None:
    assert _service("keyring")["command"] == ["valkey-server", "/stores/keyring/valkey.conf"]
    assert "/data" in _service("keyring")["tmpfs"]


def test_the_dockerfile_has_a_target_for_every_service_and_begins_from_pinned_images() -> None:
    text = (_ROOT / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE)
    targets = {name for base, name in stages if base == "runtime"}
    assert targets == {*_SERVICES, "cli"}
    assert ("cli", "fetching") in stages
    defaults = dict(re.findall(r"^ARG (BUILD_IMAGE|RUNTIME_IMAGE)=(\S+)$", text, re.MULTILINE))
    assert defaults == {name: _pinned()[name] for name in defaults}
    outside = {base for base, _ in stages} - {name for _, name in stages}
    assert outside == {"${BUILD_IMAGE}", "${RUNTIME_IMAGE}"}
    assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE)
    for word in ("curl", "wget", "apt-get", "http:", "https:", "/bin/sh", "--platform"):
        assert word not in text, f"the Dockerfile names {word}"


def test_every_image_of_lookout_is_built_from_its_own_target() -> None:
    built = {
        name: service["build"]["target"]
        for name, service in _COMPOSE["services"].items()
        if "build" in service
    }
    assert sorted(built.values()) == sorted((*_SERVICES, "cli", "fetching"))
    for name, target in built.items():
        assert _service(name)["image"] == f"${{LOOKOUT_IMAGES}}-{target}:${{LOOKOUT_VERSION}}"

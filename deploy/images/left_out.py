"""What wheels bring that no service loads, and that images leave out, each with its reason. Licences and metadata stay.

Two kinds: what is never code that runs (``EVERYWHERE``, in whatever package), and what one package has for others than us
(``OF_PACKAGES``). An entry that finds nothing fails the build, or its test: the list says what is so.
`tests/unit/policy/test_policy_image_contents.py` imports every service with all of this refused.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a package: patterns from ``site-packages`` on, why nobody misses it, and beside which package somebody would."""

    package: str
    patterns: tuple[str, ...]
    why: str
    unless: str = ""


class NothingThereError(Exception):
    """A pattern that finds nothing: the package has changed, and this list has to."""


# Names of files and folders. A folder goes with all that is in it.
EVERYWHERE = {
    "tests": "tests of packages",
    "include": "headers to compile against",
    "__pycache__": "bytecode dated by the clock: what is left is compiled anew",
    "*.pyi": "types, for type checkers",
    "*.pyx": "sources of what is there compiled",
    "*.pxd": "the same, declarations",
    "*.h": "C headers",
    "*.hpp": "C++ headers",
    "*.c": "C sources",
    "*.cpp": "C++ sources",
    "*.a": "libraries to link against",
}

OF_PACKAGES = (
    Part(
        "onnxruntime",
        ("onnxruntime/capi/libonnxruntime.so.*",),
        "for C programs: the Python module holds all of it once more",
    ),
    Part(
        "onnxruntime",
        tuple(f"onnxruntime/{name}" for name in ("transformers", "quantization", "tools", "datasets", "backend")),
        "makes and changes models; services only run them",
    ),
    Part(
        "numpy",
        ("numpy/f2py", "numpy/distutils", "numpy/_pyinstaller", "numpy/conftest.py", "numpy/_core/_simd.*.so"),
        "builds and tests extensions; SciPy imports all that numpy names",
        unless="scipy",
    ),
    Part(
        "pillow",
        tuple(f"PIL/_{name}.*.so" for name in ("avif", "webp", "imagingft", "imagingcms", "imagingtk"))
        + tuple(f"pillow.libs/lib{name}-*" for name in ("avif", "freetype", "harfbuzz", "lcms2")),
        "reportlab imports Pillow; the console's PDFs hold no pictures",
    ),
    Part(
        "sqlalchemy",
        ("sqlalchemy/testing", *(f"sqlalchemy/dialects/{name}" for name in ("mssql", "mysql", "oracle"))),
        "other databases than PostgreSQL, and SQLite for tests",
    ),
    Part("alembic", ("alembic/testing",), "for tests"),
    Part("apprise", ("apprise/i18n/*/",), "translations of texts that no message holds"),
    Part("reportlab", ("reportlab/fonts/*", "reportlab/graphics/barcode"), "PDFs use the built-in fonts, and no bar codes"),
    Part("googleapis-common-protos", tuple(f"google/{name}" for name in ("api", "cloud", "gapic", "logging", "longrunning", "type")), "for Google's services; OTLP knows `google.rpc` alone"),
    Part("pydantic", ("pydantic/v1", "pydantic/mypy.py"), "version 1, and the type checker's plug-in"),
)


def leave_out(packages: Path) -> None:
    """Remove all of it from a ``site-packages``. `NothingThereError` naming a package that no longer has what is listed."""
    for pattern in EVERYWHERE:
        for path in list(packages.rglob(pattern)):
            _remove(path)
    there = installed(packages)
    for part in OF_PACKAGES:
        if part.package in there and part.unless not in there:
            for path in found(packages, part):
                _remove(path)


def found(packages: Path, part: Part) -> list[Path]:
    """What a part's patterns find. `NothingThereError` for a pattern that finds nothing."""
    paths = []
    for pattern in part.patterns:
        there = sorted(packages.glob(pattern))
        if not there:
            raise NothingThereError(f"{part.package} has no {pattern}: mend deploy/images/left_out.py")
        paths += there
    return paths


def installed(packages: Path) -> frozenset[str]:
    """The names of the packages that are there, by their metadata."""
    return frozenset(
        re.sub(r"[-_.]+", "-", folder.name.split("-")[0]).lower()
        for folder in packages.glob("*.dist-info")
    )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

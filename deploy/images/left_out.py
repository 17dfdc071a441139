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
        tuple(
            f"onnxruntime/{name}"
            for name in ("transformers", "quantization", "tools", "datasets", "backend")
        ),
        "makes and changes models; services only run them",
    ),
    Part(
        "numpy",
        (
            "numpy/f2py",
            "numpy/distutils",
            "numpy/_pyinstaller",
            "numpy/conftest.py",
            "numpy/_core/_simd.*.so",
        ),
        "builds and tests extensions; SciPy imports all that numpy names",
        unless="scipy",
    ),
    Part(
        "numpy",
        ("numpy/random", "numpy/polynomial", "numpy/testing", "numpy/fft"),
        "imported when first named, and named by nobody here",
        unless="scipy",
    ),
    Part(
        "pillow",
        tuple(f"PIL/_{name}.*.so" for name in ("avif", "imagingft", "imagingcms", "imagingtk"))
        + tuple(f"pillow.libs/lib{name}-*" for name in ("avif", "freetype", "harfbuzz", "lcms2")),
        "fonts, colour management, windows and AVIF: nobody draws, and no camera's pictures need them",
        unless="matplotlib",
    ),
    Part(
        "pillow",
        ("PIL/_webp.*.so", "PIL/*ImagePlugin.py"),
        "reportlab imports Pillow; the console's PDFs hold no pictures. Capture, beside PyAV, reads some",
        unless="av",
    ),
    Part(
        "sqlalchemy",
        (
            "sqlalchemy/testing",
            *(f"sqlalchemy/dialects/{name}" for name in ("mssql", "mysql", "oracle")),
        ),
        "other databases than PostgreSQL, and SQLite for tests",
    ),
    Part(
        "sqlalchemy",
        (
            "sqlalchemy/orm",
            *(
                f"sqlalchemy/ext/{name}"
                for name in (
                    "asyncio",
                    "automap.py",
                    "declarative",
                    "hybrid.py",
                    "mutable.py",
                    "associationproxy.py",
                    "horizontal_shard.py",
                    "indexable.py",
                    "orderinglist.py",
                    "serializer.py",
                )
            ),
        ),
        "maps classes to tables: the console writes its statements itself",
    ),
    Part(
        "confluent-kafka",
        tuple(f"confluent_kafka/{name}" for name in ("schema_registry", "avro", "kafkatest")),
        "a client of schema registries; schemas are registered by HTTP",
    ),
    Part(
        "authlib",
        (
            "authlib/jose",
            *(
                f"authlib/integrations/{name}"
                for name in (
                    "django_*",
                    "flask_*",
                    "httpx_client",
                    "sqla_oauth2",
                    "starlette_client",
                )
            ),
        ),
        "for other frameworks; joserfc reads tokens here",
    ),
    Part("alembic", ("alembic/testing",), "for tests"),
    Part(
        "apprise",
        ("apprise/i18n/*/", "apprise/assets/themes"),
        "translations of its own texts, and icons: messages have neither",
    ),
    Part(
        "reportlab",
        (
            "reportlab/fonts/*",
            *(
                f"reportlab/graphics/{name}"
                for name in (
                    "barcode",
                    "charts",
                    "samples",
                    "widgets",
                    "renderPM.py",
                    "renderPS.py",
                    "renderSVG.py",
                )
            ),
        ),
        "the fonts that every reader has, and no drawings",
    ),
    Part(
        "googleapis-common-protos",
        tuple(
            f"google/{name}" for name in ("api", "cloud", "gapic", "logging", "longrunning", "type")
        ),
        "for Google's services; OTLP knows `google.rpc` alone",
    ),
    Part(
        "cffi",
        ("cffi",),
        "compiles declarations of C: what is compiled needs `_cffi_backend` alone",
    ),
    Part("pycparser", ("pycparser",), "reads C for cffi"),
    Part(
        "redis",
        tuple(
            f"redis/commands/{name}" for name in ("bf", "json", "search", "timeseries", "vectorset")
        ),
        "modules that a keyring has not",
    ),
    Part(
        "pydantic", ("pydantic/v1", "pydantic/mypy.py"), "version 1, and the type checker's plug-in"
    ),
)

# Kept as sources alone, and compiled when they are loaded.
UNCOMPILED = {
    "apprise/plugins": "loaded at the start of a console that has channels, a second later for it",
}


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
            raise NothingThereError(
                f"{part.package} has no {pattern}: mend deploy/images/left_out.py"
            )
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

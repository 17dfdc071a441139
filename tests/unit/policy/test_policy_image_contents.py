"""What images leave out of packages: it is there to be left out, nothing that a service imports needs it, and what is cut still loads."""

import importlib.util
import json
import shutil
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_PACKAGES = Path(sysconfig.get_paths()["purelib"])
_MEMBERS = ("capture", "detection", "embedding", "matching", "alerting", "keeper", "console", "cli")


def _step(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, _ROOT / f"deploy/images/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_LEFT_OUT = _step("left_out")
_CUT_OUT = _step("debug_info").cut_out
_SUBSET = _step("subset")
_PARTS = {f"{part.package}: {part.why}": part for part in _LEFT_OUT.OF_PACKAGES}

# Imports all of a service, and of what it stands on, while everything that is left out is refused.
_IMPORTING = """
import ast, importlib, inspect, json, pkgutil, sys

refused = set(json.loads(sys.stdin.read()))

class Refusal:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in refused:
            raise ModuleNotFoundError(f"no module named {name}: images leave it out", name=name)
        return None

def take(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Programs that others are compared with are in no image.
        if error.name in refused or not name.startswith("lookout_cli.bench.peer_"):
            raise

sys.meta_path.insert(0, Refusal)
for package in ("lookout", sys.argv[1]):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        # Alembic runs revisions; imported, they ask for a database.
        if ".migrations." in module.name or take(module.name) is None:
            continue
        # What is imported inside functions, too.
        for node in ast.walk(ast.parse(inspect.getsource(sys.modules[module.name]) or "")):
            if isinstance(node, ast.ImportFrom) and not node.level:
                take(node.module)
            elif isinstance(node, ast.Import):
                for name in node.names:
                    take(name.name)
"""


def _modules(path: Path) -> set[str]:
    """The modules that are gone with a file or a folder of ``site-packages``."""
    files = path.rglob("*") if path.is_dir() else [path]
    named = [path, *(file for file in files if file.suffix in {".py", ".so"} or file.is_dir())]
    return {
        ".".join((*one.relative_to(_PACKAGES).parent.parts, one.name.split(".")[0]))
        for one in named
    }


@pytest.mark.parametrize("name", _PARTS)
def test_what_is_listed_of_a_package_is_there(name: str) -> None:
    part = _PARTS[name]
    assert part.package in _LEFT_OUT.installed(_PACKAGES)
    assert _LEFT_OUT.found(_PACKAGES, part)


@pytest.mark.parametrize("pattern", _LEFT_OUT.EVERYWHERE)
def test_what_is_listed_for_every_package_is_in_some(pattern: str) -> None:
    assert any(_PACKAGES.rglob(pattern))


@pytest.mark.parametrize("folder", _LEFT_OUT.UNCOMPILED)
def test_what_is_kept_without_bytecode_is_there(folder: str) -> None:
    assert any((_PACKAGES / folder).glob("*.py"))


def test_a_pattern_that_finds_nothing_is_an_error_that_names_package_and_list(
    tmp_path: Path,
) -> None:
    part = _LEFT_OUT.Part("thing", ("thing/old",), "gone since its version 2")
    with pytest.raises(
        _LEFT_OUT.NothingThereError, match=r"thing has no thing/old: .*left_out\.py"
    ):
        _LEFT_OUT.found(tmp_path, part)


def test_licences_and_metadata_stay(tmp_path: Path) -> None:
    told = tmp_path / "thing-1.dist-info"
    kept = [told / "METADATA", told / "licenses" / "LICENSE", tmp_path / "thing" / "__init__.py"]
    gone = [tmp_path / "thing" / "tests" / "test_a.py", tmp_path / "thing" / "a.pyi"]
    for file in (*kept, *gone):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    _LEFT_OUT.leave_out(tmp_path)
    assert all(file.exists() for file in kept)
    assert not any(file.exists() for file in gone)


@pytest.mark.parametrize(("beside", "stays"), [("other", False), ("asker", True)])
def test_what_another_package_asks_for_stays_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: str, *, stays: bool
) -> None:
    part = _LEFT_OUT.Part("thing", ("thing/extra.py",), "nobody names it", unless="asker")
    monkeypatch.setattr(_LEFT_OUT, "OF_PACKAGES", (part,))
    for name in ("thing-1.dist-info", f"{beside}-1.dist-info", "thing"):
        (tmp_path / name).mkdir()
    (tmp_path / "thing/extra.py").touch()
    _LEFT_OUT.leave_out(tmp_path)
    assert (tmp_path / "thing/extra.py").exists() == stays


@pytest.fixture(name="locked", scope="module")
def locked_fixture() -> Mapping[str, set[str]]:
    """The packages of each member's image."""
    lock = _SUBSET.read_lock((_ROOT / "requirements.lock").read_text())
    members = _SUBSET.read_members(_ROOT)
    return {
        name: {pin.name for pin in _SUBSET.part(lock, members, f"lookout-{name}")}
        for name in _MEMBERS
    }


@pytest.mark.parametrize("member", _MEMBERS)
def test_no_module_of_a_member_imports_what_its_image_leaves_out(
    member: str, locked: Mapping[str, set[str]]
) -> None:
    refused: set[str] = set()
    for part in _LEFT_OUT.OF_PACKAGES:
        if part.unless not in locked[member]:
            for path in _LEFT_OUT.found(_PACKAGES, part):
                refused |= _modules(path)
    assert "confluent_kafka.schema_registry" in refused
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTING, f"lookout_{member}"],
        input=json.dumps(sorted(refused)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-600:]


# Of a copy of these packages, and not of the environment's own.
_COMPUTING = """
import io, sys
import fastavro, numpy as np, yaml
assert all(module.__file__.startswith(sys.argv[1]) for module in (fastavro, np, yaml))
print(np.linalg.solve(np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([9.0, 8.0])))
written = io.BytesIO()
fastavro.schemaless_writer(written, "string", "written")
written.seek(0)
print(fastavro.schemaless_reader(written, "string", None), yaml.load("a: [1]", yaml.CSafeLoader))
"""


def test_libraries_cut_to_what_is_loaded_of_them_still_compute(tmp_path: Path) -> None:
    # auditwheel has rewritten numpy's, which `strip` trips over; the other two's are mostly debug information.
    for name in ("numpy", "numpy.libs", "fastavro", "yaml"):
        shutil.copytree(
            _PACKAGES / name, tmp_path / name, ignore=shutil.ignore_patterns("tests", "__pycache__")
        )
    libraries = sorted(tmp_path.rglob("*.so"))
    assert sum(_CUT_OUT(library) for library in libraries) > 10_000_000
    assert [_CUT_OUT(library) for library in libraries] == [0] * len(libraries)
    done = subprocess.run(
        [sys.executable, "-c", _COMPUTING, str(tmp_path)],
        env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "[2. 3.]\nwritten {'a': [1]}\n", done.stderr[-600:]


def _segments(library: Path) -> list[tuple[tuple[int, ...], bytes]]:
    """Of each segment: kind, rights, address and sizes; and its content, less ELF's own two tables."""
    content = bytearray(library.read_bytes())
    table, size, count = (
        struct.unpack_from(form, content, at)[0]
        for form, at in (("<Q", 32), ("<H", 54), ("<H", 56))
    )
    entries = [
        struct.unpack_from("<IIQQQQQQ", content, table + number * size) for number in range(count)
    ]
    content[:64] = bytes(64)
    content[table : table + size * count] = bytes(size * count)
    return [
        ((kind, rights, address, physical, filled, memory), bytes(content[at : at + filled]))
        for kind, rights, at, address, physical, filled, memory, _ in entries
    ]


@pytest.mark.parametrize(
    ("pattern", "least"),
    [("fastavro/_write.*.so", 3_000_000), ("numpy.libs/libscipy_openblas64_*", 900_000), ("pillow.libs/libXau-*", 2_000_000)],
)  # fmt: skip
def test_what_is_loaded_of_a_library_stays_the_same_at_the_same_address(
    tmp_path: Path, pattern: str, least: int
) -> None:
    original = next(_PACKAGES.glob(pattern))
    cut = Path(shutil.copy(original, tmp_path))
    assert _CUT_OUT(cut) == original.stat().st_size - cut.stat().st_size > least
    assert _segments(cut) == _segments(original)


@pytest.mark.parametrize(
    "content",
    [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01 of 32 bits", b"\x7fELF\x02\x01" + bytes(58)],
    ids=["empty", "script", "32 bits", "nothing loaded"],
)
def test_a_file_that_is_no_such_library_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.so"
    file.write_bytes(content)
    assert _CUT_OUT(file) == 0
    assert file.read_bytes() == content

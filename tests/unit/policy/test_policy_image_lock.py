"""The part of the lock that an image installs: everything that its service imports, as locked, and nothing that nobody asked for."""

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

_ROOT = Path(__file__).resolve().parents[3]
_SERVICES = (
    "capture",
    "detection",
    "embedding",
    "matching",
    "alerting",
    "keeper",
    "console",
    "cli",
)


def _subset() -> ModuleType:
    spec = importlib.util.spec_from_file_location("subset", _ROOT / "deploy/images/subset.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["subset"] = module
    spec.loader.exec_module(module)
    return module


_SUBSET = _subset()
_LOCK = _SUBSET.read_lock((_ROOT / "requirements.lock").read_text())
_MEMBERS: Mapping[str, Mapping[str, object]] = _SUBSET.read_members(_ROOT)


def _names(member: str) -> set[str]:
    return {pin.name for pin in _SUBSET.part(_LOCK, _MEMBERS, member)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _needed(member: str) -> set[str]:
    """What pip would find by the metadata of what is installed, from the member on."""
    found: set[str] = set()
    waiting = [(member, "")]
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for line in importlib.metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                other = _normal(requirement.name)
                found.add(other)
                waiting += [(other, ""), *((other, one) for one in requirement.extras)]
    return {name for name in found if not name.startswith("lookout-")}


@pytest.mark.parametrize("service", _SERVICES)
def test_everything_that_a_service_needs_is_in_its_part(service: str) -> None:
    assert _needed(f"lookout-{service}") <= _names(f"lookout-{service}")


def test_every_entry_of_a_part_stands_in_the_lock_with_its_hashes() -> None:
    text = (_ROOT / "requirements.lock").read_text()
    for pin in _SUBSET.part(_LOCK, _MEMBERS, "lookout-console"):
        assert "\n".join(pin.lines) in text
        assert any("--hash=sha256:" in line for line in pin.lines), pin.name


def test_services_that_look_at_no_image_are_installed_without_what_does() -> None:
    for service in ("alerting", "keeper"):
        assert not {"numpy", "opencv-python-headless", "onnxruntime"} & _names(f"lookout-{service}")
    assert not {"opencv-python-headless", "onnxruntime"} & _names("lookout-matching")
    assert not {"numpy", "opencv-python-headless", "onnxruntime"} & _names("lookout-capture")


def test_development_tools_are_in_no_part() -> None:
    for service in _SERVICES:
        assert not {"pytest", "mypy", "ruff", "playwright"} & _names(f"lookout-{service}")


def test_a_member_that_names_what_the_lock_lacks_is_an_error_that_says_what_to_do() -> None:
    members = {"lookout-new": {"name": "lookout-new", "dependencies": ["not-locked>=1"]}}
    with pytest.raises(KeyError, match=r"no not-locked: run `make lock`"):
        _SUBSET.part(_LOCK, members, "lookout-new")


def test_a_lock_is_read_entry_by_entry_with_markers_hashes_and_who_needs_it() -> None:
    text = (
        "a==1 ; python_full_version < '3.12' \\\n    --hash=sha256:11 \\\n    --hash=sha256:12\n    # via b\n"
        "b==2 \\\n    --hash=sha256:22\n    # via\n    #   lookout-core\n    #   c\n"
    )
    first, second = _SUBSET.read_lock(text)
    assert (first.name, first.via, len(first.lines)) == ("a", {"b"}, 3)
    assert (second.name, second.via) == ("b", {"lookout-core", "c"})

"""No log line, metric or error message is handed what could be a face, a template or a key: read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = sorted(
    path
    for folder in ("core/lookout", "cli/lookout_cli", "services")
    for path in (ROOT / folder).rglob("*.py")
)
FORBIDDEN = {
    "template",
    "chip",
    "thumbnail",
    "jpeg",
    "vector",
    "embedding",
    "secret",
    "ciphertext",
    "plaintext",
    "image",
    "picture",
    "portrait",
    "pixels",
    "probe",
}
# What is asked of such a thing, and is none itself.
HARMLESS = {
    "shape",
    "dtype",
    "size",
    "ndim",
    "name",
    "key_id",
    "face_id",
    "deployment_id",
    "entry_id",
    "track_id",
    "camera_id",
    "size_bytes",
}
HARMLESS_CALLS = {"len", "type", "sum", "count"}
LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical", "msg"}
METRIC_CALLS = {"labels", "info"}


def _is_forbidden(name: str) -> bool:
    """Whether a name speaks of one; a constant's value is in the code for everybody to read."""
    words = name.lower().split("_")
    return not name.isupper() and any({word, word.removesuffix("s")} & FORBIDDEN for word in words)


def _told(expression: ast.AST) -> Iterator[str]:
    """Names in an expression whose value would be told."""
    if isinstance(expression, ast.Attribute):
        if expression.attr not in HARMLESS and _is_forbidden(expression.attr):
            yield expression.attr
    elif isinstance(expression, ast.Name):
        if _is_forbidden(expression.id):
            yield expression.id
    elif isinstance(expression, ast.Call):
        # A call's result is its own; what it is given may show in it.
        if _called(expression) not in HARMLESS_CALLS:
            for given in [*expression.args, *expression.keywords]:
                yield from _told(given)
    else:
        for child in ast.iter_child_nodes(expression):
            yield from _told(child)


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_log(call: ast.Call) -> bool:
    called = call.func
    if not isinstance(called, ast.Attribute) or called.attr not in LOG_CALLS:
        return False
    owner = called.value
    return isinstance(owner, ast.Name) and owner.id in {"_log", "log", "logger", "logging"}


def _is_metric(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in METRIC_CALLS


def violations(source: str) -> list[str]:
    """What a module tells that it must not, as ``line: name``."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        told: list[ast.expr] = []
        named: list[str] = []
        if isinstance(node, ast.Call) and (_is_log(node) or _is_metric(node)):
            told = [*node.args, *(keyword.value for keyword in node.keywords)]
            named = [keyword.arg for keyword in node.keywords if keyword.arg]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            told = [*node.exc.args, *(keyword.value for keyword in node.exc.keywords)]
        line = getattr(node, "lineno", 0)
        found += [f"{line}: {name}" for name in named if _is_forbidden(name)]
        found += [f"{line}: {name}" for part in told for name in _told(part)]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_log_metric_or_error_is_handed_a_face_a_template_or_a_key(path: Path) -> None:
    assert violations(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("", []),
        ("_log.info('seen', face_id=face.face_id)", []),
        ("_log.info('seen', template=t)", ["1: template"]),
        ("_log.warning('seen', what=face.chip)", ["1: chip"]),
        ("_log.warning('seen', what=[face.chip])", ["1: chip"]),
        ("_log.info('seen', templates=len(templates))", ["1: templates"]),
        ("_log.info('seen', number=len(templates))", []),
        ("counter.labels(thumbnail_jpeg).inc()", ["1: thumbnail_jpeg"]),
        ("counter.labels(str(image[0])).inc()", ["1: image"]),
        ("raise ValueError(f'bad {image}')", ["1: image"]),
        ("raise ValueError(f'bad {image.shape} {image.dtype}')", []),
        ("raise ValueError(f'bad {key.secret!r}')", ["1: secret"]),
        ("raise ValueError('a template must be a row')", []),
    ],
)
def test_the_check_finds_what_it_is_for(source: str, found: list[str]) -> None:
    assert violations(source) == found

"""Every row of the requirements is held by a test that exists, or says why by none."""

import ast
import importlib.util
from pathlib import Path

import pytest

_TESTS = Path(__file__).resolve().parents[2]


def _load() -> tuple[dict[int, tuple[str, ...]], dict[int, str]]:
    path = Path(__file__).with_name("domain_rows.py")
    spec = importlib.util.spec_from_file_location("domain_rows", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ROWS, module.WITHOUT


ROWS, WITHOUT = _load()


def test_every_row_is_in_exactly_one_of_the_two_lists() -> None:
    assert sorted([*ROWS, *WITHOUT]) == list(range(1, 38))


@pytest.mark.parametrize("row", sorted(ROWS))
def test_the_tests_that_hold_a_row_are_there(row: int) -> None:
    assert ROWS[row]
    for named in ROWS[row]:
        file, _, name = named.partition("::")
        tree = ast.parse((_TESTS / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, named


@pytest.mark.parametrize("row", sorted(WITHOUT))
def test_a_row_without_a_test_says_why(row: int) -> None:
    assert len(WITHOUT[row]) > 20

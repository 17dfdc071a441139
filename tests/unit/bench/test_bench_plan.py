"""Scenarios are data; what is wrong with a file of them is told by place."""

from pathlib import Path

import pytest
from lookout.topics import schemas_folder
from lookout_cli.bench.plan import PlanError, read_plan

_SHIPPED = schemas_folder().parent / "benchmarks"


@pytest.mark.parametrize("name", ["quick", "full"])
def test_shipped_scenarios_are_read(name: str) -> None:
    plan = read_plan(_SHIPPED / f"{name}.yaml")

    sizes = {case.enrolled for case in plan.search.cases}
    assert {1_000, 10_000, 17_000, 100_000} <= sizes
    assert list(plan.pipeline.cameras) == sorted(plan.pipeline.cameras)


def test_the_full_run_has_every_size_that_is_promised() -> None:
    cases = {(case.enrolled, case.dim) for case in read_plan(_SHIPPED / "full.yaml").search.cases}

    assert cases == {
        (enrolled, dim)
        for enrolled in (1_000, 10_000, 17_000, 100_000, 1_000_000)
        for dim in (128, 512)
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "valid dictionary"),
        ("pipeline: [", "is not YAML"),
        ("pipeline: {cameras: [], seconds: 1}", "pipeline.cameras"),
        ("piplines: {}", "piplines"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)

    with pytest.raises(PlanError, match=told):
        read_plan(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"none\.yaml cannot be read"):
        read_plan(tmp_path / "none.yaml")

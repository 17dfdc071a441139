"""``lookout evaluate`` on real faces: one object for programs, a page for people, nothing kept."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from lookout_cli.__main__ import app
from lookout_cli.evaluate.evaluation import Plan, evaluate
from lookout_cli.evaluate.faces import Templates
from lookout_cli.evaluate.identification import DrawError
from lookout_cli.evaluate.samples import Sample
from PIL import Image
from support.evaluation import drawn_templates
from typer.testing import CliRunner, Result


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", *arguments])


@pytest.fixture(name="folder", scope="module")
def folder_fixture(
    faces: Mapping[str, list[Path]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Twelve people with two pictures or more, eight with one, and pictures that nobody can use."""
    folder = tmp_path_factory.mktemp("faces")
    several = [person for person, pictures in faces.items() if len(pictures) > 1][:12]
    single = [person for person, pictures in faces.items() if len(pictures) == 1][:8]
    for person in (*several, *single):
        (folder / person).mkdir()
        for picture in faces[person][:2]:
            shutil.copy(picture, folder / person)
    bad = folder / single[0]
    (bad / "truncated.jpg").write_bytes(faces[single[0]][0].read_bytes()[:3000])
    Image.new("RGB", (1, 1)).save(bad / "one.png")
    Image.new("L", (300, 200), 128).save(bad / "grey.png")
    return folder


@pytest.mark.faces
@pytest.mark.models
def test_one_object_with_the_figures_is_printed(folder: Path, mirror: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    result = _run(
        *(str(folder), "--enrolled", "10", "--images", "1", "--pack", "mobile", "--draws", "4"),
        *("--models", str(tmp_path / "models"), "--mirror", str(mirror)),
        *("--report", str(report), "--json"),
    )

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["pack"], found["enrolled"], found["draws"]) == ("mobile", 10, 4)
    assert found["pictures"] == 12 * 2 + 8 + 3
    assert found["mated"] + found["non_mated"] == 4 * (found["pictures"] - 10)
    assert found["mated"] >= 4 * 10
    assert found["failures"] == {"unreadable": 1, "no_face": 2}
    assert found["rank1"] > 0.7
    assert 0 < found["ms_per_face"] < 1000
    for target in ("0.01", "0.001"):
        interval = found["tpir_at_fpir"][target]
        assert 0.3 < interval["low"] <= interval["value"] <= interval["high"] <= 1
    assert sorted(path.name for path in report.iterdir()) == [
        "det.png",
        "discard.png",
        "index.html",
        "scores.png",
    ]


def test_too_few_people_are_told_in_one_line(folder: Path, mirror: Path, tmp_path: Path) -> None:
    result = _run(
        *(str(folder), "--enrolled", "500", "--models", str(tmp_path), "--mirror", str(mirror)),
    )

    assert result.exit_code == 1
    assert "only 20 have so many" in " ".join(result.stderr.split())


def test_a_source_that_is_not_there_is_told() -> None:
    result = _run("/nowhere/at/all")

    assert result.exit_code == 1
    assert "does not exist" in result.stderr


def test_perfect_templates_are_always_found_and_random_ones_hardly_ever() -> None:
    samples, perfect = drawn_templates(people=120, each=2, noise=0.0)
    _, random = drawn_templates(people=120, each=2, noise=100.0)
    plan = Plan(enrolled=50, draws=3)

    best = evaluate("perfect", samples, perfect, plan, rounds=50)
    worst = evaluate("random", samples, random, plan, rounds=50)

    assert best.rank1 == best.tpir_at_fpir[0.01].value == best.tpir_at_fpir[0.001].value == 1.0
    assert worst.rank1 < 0.2
    assert worst.tpir_at_fpir[0.01].value < 0.2


def test_groups_are_told_only_where_people_wrote_them_down() -> None:
    samples, templates = drawn_templates(people=80, each=2, noise=0.3)
    plan = Plan(enrolled=30, draws=2)
    assert evaluate("none", samples, templates, plan, rounds=20).groups == []

    named = [
        Sample(image=one.image, person=one.person, group="x" if index % 4 < 2 else "y")
        for index, one in enumerate(samples)
    ]
    found = evaluate("groups", named, templates, plan, rounds=20)

    assert [group.name for group in found.groups] == ["x", "y"]
    assert sum(group.searches for group in found.groups) == found.mated
    for group in found.groups:
        assert group.tpir is not None
        assert group.tpir.low <= group.tpir.value <= group.tpir.high
    assert any("nobody's was guessed" in note for note in found.notes())


def test_a_set_without_strangers_cannot_be_evaluated() -> None:
    samples, templates = drawn_templates(people=10, each=2, noise=0.1)
    with pytest.raises(DrawError, match="leave 10 and 0"):
        evaluate("all enrolled", samples, templates, Plan(enrolled=10), rounds=10)


def test_failures_count_against_accuracy() -> None:
    samples, templates = drawn_templates(people=60, each=2, noise=0.0)
    acquired = templates.acquired.copy()
    acquired[::2] = False  # one picture of everybody gives no template
    broken = Templates(
        vectors=np.where(acquired[:, None], templates.vectors, 0).astype(np.float32),
        acquired=acquired,
        quality=templates.quality,
        failures=templates.failures,
        ms_per_face=None,
    )

    found = evaluate("broken", samples, broken, Plan(enrolled=30, draws=10), rounds=20)

    # Found only where both the enrolled picture and the probe have a template: never.
    assert found.tpir_at_fpir[0.01].value == 0.0
    assert found.failure_to_enrol == pytest.approx(0.5, abs=0.15)
    assert found.failure_to_acquire == pytest.approx(0.5, abs=0.15)

from pathlib import Path

import pytest
from lookout.telemetry.textfile import Sample, verification, write_textfile
from prometheus_client.parser import text_string_to_metric_families


def _read(path: Path) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("samples", "read"),
    [
        ([], {}),
        ([Sample("a", "What a is.", 1.5)], {("a", ()): 1.5}),
        (
            [
                Sample("a", "What a is.", 1, {"store": "kafka"}),
                Sample("a", "", 2, {"store": "logs"}),
            ],
            {("a", (("store", "kafka"),)): 1, ("a", (("store", "logs"),)): 2},
        ),
    ],
)
def test_samples_are_read_back_as_they_were_written(
    tmp_path: Path,
    samples: list[Sample],
    read: dict[tuple[str, tuple[tuple[str, str], ...]], float],
) -> None:
    path = tmp_path / "verify.prom"
    write_textfile(path, samples)
    assert _read(path) == read
    assert [file.name for file in tmp_path.iterdir()] == ["verify.prom"]


@pytest.mark.parametrize("ok", [True, False])
def test_a_verification_leaves_its_result_and_when_it_was(tmp_path: Path, *, ok: bool) -> None:
    path = tmp_path / "verify.prom"
    path.write_text("of an earlier one")
    write_textfile(path, verification(ok=ok, finished_at=1_780_000_000.25))
    assert _read(path) == {
        ("lookout_verify_ok", ()): float(ok),
        ("lookout_verify_finished_timestamp_seconds", ()): 1_780_000_000.25,
    }


def test_samples_of_one_name_with_different_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="label"):
        write_textfile(tmp_path / "x.prom", [Sample("a", "", 1), Sample("a", "", 1, {"b": "c"})])
    assert list(tmp_path.iterdir()) == []

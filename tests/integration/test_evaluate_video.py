"""A recording with known passes goes through the services themselves, and the passes are judged."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from lookout_cli.__main__ import app
from support.pipeline import require_redis
from support.scene import WANTED, compose_scene, pulled_models
from typer.testing import CliRunner


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Services in threads of this process say where the process logs to; afterwards that is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.redis
@pytest.mark.models
@pytest.mark.faces
def test_the_enrolled_persons_pass_is_recognised_and_a_pass_that_never_was_is_missed(
    tmp_path: Path,
) -> None:
    require_redis()
    (tmp_path / "models").mkdir()
    scene = compose_scene(pulled_models(tmp_path / "models"), tmp_path)
    log = tmp_path / "passes.csv"
    log.write_text(
        f"reference,begins_s,ends_s\n{WANTED},0.2,1.7\n,1.0,2.6\n,2.4,4.0\n{WANTED},30,35\n"
    )

    result = CliRunner().invoke(
        app,
        [
            *("evaluate", "video", str(scene.footage), "--passes", str(log)),
            *("--watchlist", str(scene.watchlist), "--models", str(scene.models), "--json"),
        ],
    )

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["passes"], found["recognised"], found["stranger_passes"]) == (2, 1, 2)
    assert found["missed"] == [{"reference": WANTED, "begins_s": 30.0, "ends_s": 35.0}]
    assert found["faces_seen"] >= 3
    assert found["false_matches"] == 0

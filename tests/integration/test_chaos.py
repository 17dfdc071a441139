"""A few faults of `lookout chaos`, in two minutes at most: the tool itself works, and what must hold holds."""

from pathlib import Path

import pytest
from lookout.vision.pack import load_pack
from lookout_cli.chaos.faults import FAULTS
from lookout_cli.chaos.ground import prepared
from lookout_cli.chaos.report import page_of
from lookout_cli.chaos.run import Material, Plan, run
from lookout_cli.commands.demo import prepare_footage
from lookout_cli.demo.photographs import PhotographsUnavailableError
from support.kafka_node import why_no_kafka
from support.pipeline import require_redis

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.models, pytest.mark.timeout(300)]
_QUICK = ("none", "freeze matching", "poison on every topic")


def test_passes_keys_and_decisions_survive_a_frozen_service_and_poison(
    models_folder: Path, tmp_path: Path
) -> None:
    why_not = why_no_kafka()
    if why_not is not None:
        pytest.skip(why_not)
    require_redis()
    try:
        footage = prepare_footage(lambda _: None)
    except PhotographsUnavailableError as error:
        pytest.skip(str(error))
    faults = [fault for fault in FAULTS if fault.name in _QUICK]
    material = Material(loaded=load_pack("mobile", models_folder), footage=footage, machine={})
    plan = Plan(faults=faults, times=1, every_s=0.8, seed=7)
    with prepared(
        tmp_path / "s", pack="mobile", models=models_folder, say=print, with_clocks=False
    ) as ground:
        outcome = run(ground, plan, material, print)

    assert outcome.holds, outcome.content()
    assert [row.tried for row in outcome.rows] == [1, 1, 1]
    assert all(row.alerted > 0 for row in outcome.rows)
    # Three messages nobody can read, on each topic of the stream.
    assert sorted(outcome.dead_letters.values()) == [3, 3, 3, 3]
    assert "| freeze matching | 1 |" in page_of(outcome)

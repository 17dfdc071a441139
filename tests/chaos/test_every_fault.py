"""Every fault once, as `lookout chaos --times 1` does: what must hold, holds. Half an hour: `make chaos`, never `make test`."""

from pathlib import Path

import pytest
from lookout.vision.pack import load_pack
from lookout_cli.chaos.faults import FAULTS
from lookout_cli.chaos.ground import prepared
from lookout_cli.chaos.run import Material, Plan, run
from lookout_cli.commands.demo import prepare_footage
from support.scene import pulled_models

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.models, pytest.mark.timeout(3600)]


def test_every_invariant_holds_through_every_fault(tmp_path: Path) -> None:
    models = pulled_models(tmp_path / "models")
    material = Material(
        loaded=load_pack("mobile", models),
        footage=prepare_footage(lambda _: None),
        machine={},
    )
    plan = Plan(faults=FAULTS, times=1, every_s=1.0, seed=7)
    with prepared(tmp_path / "s", pack="mobile", models=models, say=print) as ground:
        outcome = run(ground, plan, material, print)
    assert outcome.holds, outcome.content()

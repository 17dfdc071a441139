"""Passes of volunteers in the store: only theirs are kept, and misses are counted."""

from datetime import timedelta

import pytest
from lookout.ids import entry_id
from lookout_console.actions.passes import Passes
from lookout_console.domain.errors import BadInputError, ConflictError, NotAllowedError
from lookout_console.domain.roles import Role
from support.console_world import World, row_of


def test_a_pass_that_raised_no_alert_is_counted_as_missed(world: World) -> None:
    deployment_id = world.live(rows=[row_of("reference-17"), row_of("volunteer-1", blue="yes")])
    passes, operator = Passes(world.office.desk), world.actors[Role.LFR_OPERATOR]
    volunteer = entry_id(deployment_id, "volunteer-1")
    commander = world.actors[Role.COMMANDER]
    assert passes.measured(commander, deployment_id).rate is None
    now = world.clock()
    for ago in (0, 3):
        passes.walk(
            operator,
            deployment_id,
            entry_id=volunteer,
            camera="van-1",
            at=now - timedelta(minutes=ago),
        )
    world.alert(deployment_id, "volunteer-1")
    found = passes.measured(commander, deployment_id)
    assert found.rate is not None
    assert (found.rate.count, found.rate.total) == (1, 2)
    assert found.by_camera == {"van-1": found.rate}
    assert len(world.office.desk.audit.page(action="pass.walk")) == 2


def test_passes_of_nobody_but_volunteers_are_kept(world: World) -> None:
    deployment_id = world.live(rows=[row_of("reference-17"), row_of("volunteer-1", blue="yes")])
    passes, operator = Passes(world.office.desk), world.actors[Role.LFR_OPERATOR]
    volunteer, now = entry_id(deployment_id, "volunteer-1"), world.clock()
    sought = entry_id(deployment_id, "reference-17")
    for entry, camera in ((sought, "van-1"), ("nobody", "van-1"), (volunteer, "van-9")):
        with pytest.raises(BadInputError):
            passes.walk(operator, deployment_id, entry_id=entry, camera=camera, at=now)
    passes.walk(operator, deployment_id, entry_id=volunteer, camera="van-1", at=now)
    with pytest.raises(ConflictError):
        passes.walk(operator, deployment_id, entry_id=volunteer, camera="van-1", at=now)
    with pytest.raises(NotAllowedError):
        passes.walk(
            world.actors[Role.AUDITOR], deployment_id, entry_id=volunteer, camera="van-1", at=now
        )

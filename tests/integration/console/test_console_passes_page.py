"""The page of volunteers' passes: written down by who runs the shift, read by who answers for it, no name on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lookout.ids import entry_id
from lookout_console.domain.roles import Role
from support.console_world import make_world, row_of
from support.served_console import Served, serve


@pytest.fixture(name="own")
def own_fixture(tmp_path: Path) -> Iterator[Served]:
    with serve(make_world(tmp_path)) as served:
        yield served


def test_a_pass_is_written_down_and_what_the_passes_showed_is_read(own: Served) -> None:
    world = own.world
    deployment_id = world.live(
        rows=[
            row_of("reference-17"),
            row_of("volunteer-1", blue="yes"),
            row_of("volunteer-2", blue="yes"),
        ]
    )
    path = f"/deployments/{deployment_id}/passes"
    operator = own.signed_in(world.actors[Role.LFR_OPERATOR])
    auditor = own.signed_in(world.actors[Role.AUDITOR])
    empty = operator.get(path).text
    assert "Nobody has walked yet" in empty
    assert ("volunteer-1" in empty, "reference-17" in empty, "Name of" in empty) == (
        True,
        False,
        False,
    )
    at = f"{world.clock():%Y-%m-%dT%H:%M:%S}"
    for volunteer in ("volunteer-1", "volunteer-2"):
        who = entry_id(deployment_id, volunteer)
        assert operator.post(path, entry_id=who, camera="van-1", at=at).status_code == 303
    world.alert(deployment_id, "volunteer-1")
    read = auditor.get(path).text
    row = read[read.index("<tbody>") : read.index("</tbody>")]
    assert [part.split("<")[0] for part in row.split('class="number">')[1:]] == ["2", "1", "1"]
    assert "1.3% to 98.7%" in row, "the exact interval of one in two"
    assert ("<form" in read[read.index("<main") :], "volunteer-1" in read) == (False, False)
    assert f'href="{path}"' in auditor.get(f"/deployments/{deployment_id}/record").text
    assert f'href="{path}"' in operator.get("/check").text


def test_two_passes_that_would_be_one_alert_are_refused_on_the_page_too(own: Served) -> None:
    deployment_id = own.world.live(rows=[row_of("volunteer-1", blue="yes")])
    operator = own.signed_in(own.world.actors[Role.LFR_OPERATOR])
    said = {
        "entry_id": entry_id(deployment_id, "volunteer-1"),
        "camera": "van-1",
        "at": f"{own.world.clock():%Y-%m-%dT%H:%M:%S}",
    }
    assert operator.post(f"/deployments/{deployment_id}/passes", **said).status_code == 303
    again = operator.post(f"/deployments/{deployment_id}/passes", **said)
    assert again.status_code == 409
    assert "Walk again 120 seconds after" in again.text

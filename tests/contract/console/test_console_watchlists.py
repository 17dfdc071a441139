"""Lists: a verdict per row whatever comes, signed by hash, withdrawn from at once, and imports that are cut off."""

import io
import zipfile
from typing import Any

import pytest
from lookout.events import WatchlistAction, WatchlistEntry
from lookout_console.actions.ports import Examined
from lookout_console.domain.deployments import Step
from lookout_console.domain.errors import BadInputError, WrongStateError
from lookout_console.domain.roles import Role
from lookout_console.domain.watchlists import COLUMNS, MOST_ROWS, Outcome
from support.console_world import Decodes, World, archive_of, drawn_face, row_of


def _drafted(world: World) -> str:
    return world.office.deployments.draft(world.actors[Role.COMMANDER], world.plan())


def _judged(world: World, deployment_id: str, archive: bytes) -> list[tuple[Outcome, str]]:
    officer = world.actors[Role.WATCHLIST_OFFICER]
    job = world.office.watchlists.begin_import(officer, deployment_id, "people.zip", archive)
    world.office.watchlists.run_import(job, archive)
    found = world.office.watchlists.job(job)
    assert (found.ended, found.done, found.trouble) == (True, found.rows, "")
    return [(one.outcome, one.why) for one in reversed(found.verdicts)]


def _zip(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return out.getvalue()


@pytest.mark.parametrize("column", [one for one in COLUMNS[:10] if one != "picture"])
def test_a_row_without_something_required_is_refused_and_says_what(
    world: World, column: str
) -> None:
    ((outcome, why),) = _judged(world, _drafted(world), archive_of([row_of("r1") | {column: ""}]))
    assert outcome is Outcome.REFUSED
    assert column in why


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"category": "other"}, "category"),
        ({"response": "blue"}, "response"),
        ({"image_date": "yesterday"}, "image_date"),
        ({"image_date": "2199-01-01"}, "future"),
        ({"response": "red"}, "contact"),
        ({"birth_date": "2015-01-01"}, "extra_authority"),
        ({"vulnerable": "yes"}, "extra_authority"),
    ],
)
def test_a_row_that_the_rules_do_not_let_in_is_refused(
    world: World, said: dict[str, str], word: str
) -> None:
    ((outcome, why),) = _judged(world, _drafted(world), archive_of([row_of("r1", **said)]))
    assert outcome is Outcome.REFUSED
    assert word in why


def test_under_18_with_extra_authority_is_let_in_and_flagged_to_who_signs(world: World) -> None:
    deployment_id = _drafted(world)
    row = row_of("r1", birth_date="2015-01-01", extra_authority="superintendent: at risk")
    assert _judged(world, deployment_id, archive_of([row]))[0][0] is Outcome.ACCEPTED
    assert world.office.watchlists.overview(deployment_id).needing_authority == 1


def test_an_old_picture_is_warned_of(world: World) -> None:
    row = row_of("r1", image_date="2019-01-01")
    ((outcome, why),) = _judged(world, _drafted(world), archive_of([row]))
    assert outcome is Outcome.WARNING
    assert "five years" in why


def test_one_bad_row_keeps_no_good_one_out(world: World) -> None:
    rows = [row_of("r1"), row_of("r2", category="other"), row_of("r3", picture="../r3.jpg")]
    pictures = {"r1.jpg": drawn_face(1), "r2.jpg": drawn_face(2)}
    deployment_id = _drafted(world)
    found = [outcome for outcome, _ in _judged(world, deployment_id, archive_of(rows, pictures))]
    assert found == [Outcome.ACCEPTED, Outcome.REFUSED, Outcome.REFUSED]
    assert world.office.watchlists.overview(deployment_id).count == 1


@pytest.mark.parametrize("name", ["Zoë Ælfgár", "李小龍", "علي", "\u202eevil", "<b>x</b>", "o'; DROP TABLE entries;--"])  # fmt: skip
def test_names_in_any_script_come_back_as_they_were(world: World, name: str) -> None:
    deployment_id = _drafted(world)
    _judged(world, deployment_id, archive_of([row_of("r1", name=name)]))
    (entry,) = world.office.watchlists.entries(world.actors[Role.WATCHLIST_OFFICER], deployment_id)
    assert entry.said is not None
    assert entry.said.name == name


def _table(rows: int) -> bytes:
    head = ",".join(COLUMNS)
    return "\n".join([head, *(f"r{n},x" for n in range(rows))]).encode()


@pytest.mark.parametrize(
    ("archive", "word"),
    [
        (b"", "zip"),
        (b"PK\x03\x04 no zip at all", "zip"),
        (_zip(), "CSV"),
        (_zip(a__csv=b"x", b__csv=b"y"), "exactly one"),
        (_zip(people__csv=b"reference,name\n1,2"), "columns"),
        (_zip(people__csv=b"\xff\xfe\x00"), "UTF-8"),
        (_zip(people__csv=_table(0)), "no rows"),
        (_zip(people__csv=_table(MOST_ROWS + 1)), "more than"),
        (_zip(people__csv=_table(50_000)), "more than"),
        (_zip(**{"../../etc/cron__csv": b"x"}), "outside"),
        (_zip(**{"/etc/passwd__csv": b"x"}), "outside"),
        (_zip(people__csv=b"\0" * 40_000_000), "larger than"),
    ],
)
def test_a_file_that_is_no_list_or_a_trap_is_refused_as_a_whole(
    world: World, archive: bytes, word: str
) -> None:
    with pytest.raises(BadInputError, match=word):
        world.office.watchlists.begin_import(
            world.actors[Role.WATCHLIST_OFFICER], _drafted(world), "people.zip", archive
        )


def test_a_picture_that_unpacks_to_more_than_it_may_is_cut_off(world: World) -> None:
    bomb = {"r1.jpg": b"\0" * 30_000_000}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        plain = zipfile.ZipFile(io.BytesIO(archive_of([row_of("r1")], {"x.jpg": b"x"})))
        archive.writestr("people.csv", plain.read("people.csv"))
        archive.writestr("r1.jpg", bomb["r1.jpg"])
    assert len(out.getvalue()) < 100_000
    ((outcome, why),) = _judged(world, _drafted(world), out.getvalue())
    assert outcome is Outcome.REFUSED
    assert "larger than" in why


class _BreaksOnce(Decodes):
    """An examiner whose machine fails at the third picture."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def examine(self, reference: str, picture: bytes) -> Examined:
        self.seen.append(reference)
        if len(self.seen) == 3:
            raise MemoryError
        return super().examine(reference, picture)


def test_an_import_that_was_cut_off_goes_on_where_it_stopped(world: World) -> None:
    examiner = _BreaksOnce()
    imports: Any = world.office.watchlists._imports
    imports._new_examiner = lambda _deployment, _known: examiner
    deployment_id = _drafted(world)
    archive = archive_of([row_of(f"r{number}") for number in range(5)])
    officer, lists = world.actors[Role.WATCHLIST_OFFICER], world.office.watchlists
    job = lists.begin_import(officer, deployment_id, "people.zip", archive)
    with pytest.raises(MemoryError):
        lists.run_import(job, archive)
    assert (lists.job(job).done, lists.job(job).ended) == (2, False)
    assert lists.begin_import(officer, deployment_id, "people.zip", archive) == job
    lists.run_import(job, archive)
    assert (lists.job(job).done, lists.job(job).ended) == (5, True)
    assert examiner.seen == ["r0", "r1", "r2", "r2", "r3", "r4"]
    assert lists.overview(deployment_id).count == 5


def test_a_withdrawal_is_sent_at_once_voids_nothing_and_logs_the_new_hash(world: World) -> None:
    deployment_id = world.live(rows=[row_of("reference-17"), row_of("reference-18")])
    before = world.office.watchlists.overview(deployment_id)
    officer = world.actors[Role.WATCHLIST_OFFICER]
    entry = world.office.watchlists.entries(officer, deployment_id)[0]
    world.office.watchlists.withdraw(officer, deployment_id, entry.entry_id, "no longer wanted")
    sent = world.control.events[-1]
    assert isinstance(sent, WatchlistEntry)
    assert (sent.action, sent.entry_id) == (WatchlistAction.WITHDRAW, entry.entry_id)
    after = world.office.watchlists.overview(deployment_id)
    assert (after.hash_now, after.signed_hash) == (before.hash_now, before.signed_hash)
    (line,) = world.office.desk.audit.page(action="watchlist.withdraw")
    assert line.reason.startswith("no longer wanted (list now ")
    assert before.hash_now not in line.reason
    commander = world.actors[Role.COMMANDER]
    world.office.deployments.step(commander, deployment_id, Step.STOP, "pause")
    world.office.deployments.step(commander, deployment_id, Step.GO_LIVE, "go on")


def test_who_is_withdrawn_before_it_is_live_never_leaves_the_console(world: World) -> None:
    deployment_id = _drafted(world)
    world.listed(deployment_id, [row_of("r1"), row_of("r2")])
    officer = world.actors[Role.WATCHLIST_OFFICER]
    entries = world.office.watchlists.entries(officer, deployment_id)
    world.office.watchlists.withdraw(officer, deployment_id, entries[0].entry_id, "a mix-up")
    world.office.watchlists.freeze(officer, deployment_id)
    step = world.office.deployments.step
    step(world.actors[Role.COMMANDER], deployment_id, Step.APPLY, "necessary")
    step(world.actors[Role.AUTHORISING_OFFICER], deployment_id, Step.AUTHORISE, "agreed")
    step(world.actors[Role.COMMANDER], deployment_id, Step.GO_LIVE, "now")
    sent = [event for event in world.control.events if isinstance(event, WatchlistEntry)]
    assert [one.entry_id for one in sent] == [entries[1].entry_id]


def test_a_live_list_cannot_be_added_to(world: World) -> None:
    deployment_id = world.live()
    with pytest.raises(WrongStateError):
        world.listed(deployment_id, [row_of("r2")])


def test_the_list_is_compared_with_the_last_one(world: World) -> None:
    world.live(rows=[row_of("kept"), row_of("dropped")])
    deployment_id = _drafted(world)
    world.listed(deployment_id, [row_of("kept"), row_of("added")])
    overview = world.office.watchlists.overview(deployment_id)
    assert (overview.kept, overview.added, overview.dropped) == (1, 1, 1)


def test_who_need_not_know_names_is_told_none(world: World) -> None:
    deployment_id = world.live()
    entries = world.office.watchlists.entries(world.actors[Role.COMMANDER], deployment_id)
    assert [entry.said for entry in entries] == [None]

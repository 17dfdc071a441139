"""Every command explains itself, and says in one line what a person can do about what went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from lookout.enrolment.person import Person
from lookout.events import (
    UNSIGNED,
    Category,
    DeploymentState,
    Response,
    WatchlistAction,
    WatchlistEntry,
)
from lookout.sealing.ports import KeyGoneError
from lookout.sealing.signing import Signer
from lookout.topics import load_catalogue
from lookout_cli.__main__ import app
from lookout_cli.commands import deployment as deployment_commands
from lookout_cli.commands import watch as watch_commands
from lookout_cli.commands import watchlist as watchlist_commands
from lookout_cli.control import DeploymentPlan
from lookout_cli.models.store import all_packs
from lookout_cli.session import Session
from support.keyrings import MemoryKeyring
from support.pipeline import memory_session
from support.scene import CAMERA
from support.sealed_alerts import sealed_alert
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner, Result

_DEPLOYMENT = "deployment-1"
_PACK = "0" * 64


def _commands(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in sorted(group.commands.items()):
        if isinstance(command, TyperGroup):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


def _root() -> TyperGroup:
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    return command


def _find(path: tuple[str, ...]) -> TyperCommand | TyperGroup:
    found: TyperCommand | TyperGroup = _root()
    for name in path:
        assert isinstance(found, TyperGroup)
        command = found.commands[name]
        assert isinstance(command, TyperCommand | TyperGroup)
        found = command
    return found


def _run(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, list(words), input=answer)


def _text(result: Result) -> str:
    """What was printed, without the breaks that the terminal's width puts in."""
    return " ".join(result.output.split())


def _assert_told_plainly(result: Result, *words: str) -> None:
    text = _text(result)
    assert result.exit_code == 1, text
    assert text.count("error:") == 1
    assert "Traceback" not in text
    assert not [word for word in words if word not in text], text


@pytest.mark.parametrize(
    "path", list(_commands(_root())), ids=lambda path: " ".join(path) or "lookout"
)
def test_every_command_teaches(path: tuple[str, ...]) -> None:
    command = _find(path)
    result = _run(*path, "--help")

    assert result.exit_code == 0
    assert command.help
    assert len(command.help) > 20
    undocumented = [
        param.name
        for param in command.params
        if param.name != "help" and not getattr(param, "help", None)
    ]
    assert undocumented == []


def test_the_command_alone_prints_its_help() -> None:
    assert "lookout demo" in _text(_run())


def test_topics_are_shown_with_who_writes_and_reads_them() -> None:
    result = CliRunner().invoke(app, ["topics", "show"], env={"COLUMNS": "200"})

    assert result.exit_code == 0
    topics = load_catalogue().topics
    assert topics
    # The narrow terminal of a test run breaks names; their beginnings stay.
    missing = [topic.name for topic in topics if topic.name[:12] not in result.output]
    assert missing == []


def test_packs_are_listed_and_those_that_are_not_here_marked(tmp_path: Path) -> None:
    result = _run("models", "list", "--models", str(tmp_path))

    assert result.exit_code == 0
    assert not [pack.name for pack in all_packs() if pack.name not in result.output]
    assert "yes" not in result.output


def test_doctor_says_what_to_do_without_java(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    result = _run("doctor", "--models", str(tmp_path))

    assert "install" in _text(result)
    assert "Java" in _text(result)
    assert "in-memory" in _text(result)
    assert "models" in _text(result)
    assert result.exit_code == 0, "without Java the demonstration still runs"


@pytest.mark.parametrize(
    "words",
    [
        ("watch",),
        ("deployment", "show"),
        ("deployment", "close"),
        ("deployment", "open", _DEPLOYMENT, "--camera", CAMERA),
        ("watchlist", "show"),
        ("watchlist", "enrol", "pictures"),
        ("topics", "create"),
    ],
    ids=" ".join,
)
def test_without_a_running_stack_a_command_says_how_to_start_one(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOOKOUT_KAFKA_BOOTSTRAP", raising=False)

    result = _run(*words, "--state", str(tmp_path))

    _assert_told_plainly(result, "no local stack runs", "lookout up", "--state")


@pytest.fixture(name="session")
def session_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """What commands connect to: a system in memory with one deployment in force, and one person in it."""
    with memory_session(tmp_path / "state") as session:

        @contextmanager
        def connected(_state: Path) -> Iterator[Session]:
            yield session

        monkeypatch.setattr(deployment_commands, "connected", connected)
        monkeypatch.setattr(watchlist_commands, "connected", connected)
        _open(session)
        yield session


def _open(session: Session) -> None:
    session.platform.vault.create(f"watchlist/{_DEPLOYMENT}")
    person = Person(
        reference="wanted",
        name="",
        category=Category.MISSING_AT_RISK,
        response=Response.AMBER,
        reason="",
        image_jpeg=b"",
    )
    session.people.put(_DEPLOYMENT, "entry-1", person)
    entry = WatchlistEntry(
        deployment_id=_DEPLOYMENT,
        entry_id="entry-1",
        action=WatchlistAction.ENROL,
        category=Category.MISSING_AT_RISK,
        response=Response.AMBER,
        pack_sha256=_PACK,
        templates=(),
        issued_at=session.platform.clock(),
        signature=UNSIGNED,
    )
    session.platform.emit(session.control.sign(entry))
    plan = DeploymentPlan(
        deployment_id=_DEPLOYMENT,
        cameras=(CAMERA,),
        duration=timedelta(hours=1),
        target_fpir=0.001,
        pack_name="mobile",
        pack_sha256=_PACK,
    )
    session.control.open(plan)


def _state_of(session: Session) -> DeploymentState:
    (deployment,) = session.control.deployments()
    return deployment.state


@pytest.mark.parametrize(
    ("options", "answer", "code"), [(["--dry-run"], None, 0), ([], "n\n", 1)], ids=["dry", "no"]
)
def test_a_close_that_is_not_meant_says_what_it_would_destroy_and_destroys_nothing(
    session: Session, options: list[str], answer: str | None, code: int
) -> None:
    result = _run("deployment", "close", *options, answer=answer)

    assert result.exit_code == code
    assert f"ends {_DEPLOYMENT}" in _text(result)
    assert "what is known of 1 people" in _text(result)
    assert _state_of(session) is DeploymentState.LIVE
    assert session.people.entries(_DEPLOYMENT) == ["entry-1"]
    assert f"watchlist/{_DEPLOYMENT}" in session.platform.vault.names()


def test_a_close_that_is_meant_destroys_the_watchlists_key_and_its_people(
    session: Session,
) -> None:
    result = _run("deployment", "close", "--yes", "--no-wait")

    assert result.exit_code == 0
    assert _state_of(session) is DeploymentState.ENDED
    assert session.people.entries(_DEPLOYMENT) == []
    with pytest.raises(KeyGoneError):
        session.platform.vault.get(f"watchlist/{_DEPLOYMENT}")


def test_a_deployment_to_be_closed_must_be_named_where_none_is_in_force(session: Session) -> None:
    assert _run("deployment", "close", "--yes", "--no-wait").exit_code == 0

    _assert_told_plainly(_run("deployment", "close", "--yes"), "0 deployments are in force")


def test_evidence_of_a_deployment_that_a_console_opened_is_refused_to_a_watch(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both take from the one key: whoever comes second has nothing."""

    @contextmanager
    def connected(_state: Path) -> Iterator[Session]:
        yield session

    monkeypatch.setattr(watch_commands, "connected", connected)
    ours = session.control.deployments()[0]
    assert session.control.is_ours(ours.deployment_id)
    key = session.platform.vault.get("signing/console")
    theirs = replace(ours, deployment_id="of-a-console", signature=UNSIGNED)
    body = session.platform.codec.unsigned_body(theirs)
    session.platform.emit(replace(theirs, signature=Signer("console", key).sign(body)))

    result = _run("watch", "--save")

    _assert_told_plainly(result, "of-a-console", "opened at a console", "without --save")
    keyring = session.platform.keyring
    assert isinstance(keyring, MemoryKeyring)
    alert = replace(sealed_alert(keyring, b"a thumbnail"), deployment_id="of-a-console")
    watch_commands.handle(session, alert, save=True, pictures=None)
    assert keyring.held() == 1, "one that comes while a watch runs is left alone, too"
    assert session.evidence.get(alert.alert_id) is None


def test_deployments_and_watchlists_are_shown(session: Session) -> None:
    shown = CliRunner().invoke(app, ["deployment", "show"])
    listed = CliRunner().invoke(app, ["watchlist", "show"])

    assert shown.exit_code == listed.exit_code == 0
    assert "live" in shown.output
    assert "wanted" in listed.output


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.csv", None, ["gone.csv does not exist"]),
        ("empty.csv", b"", ["has no column reference"]),
        (
            "people.csv",
            b"reference,image,response\nwanted,wanted.jpg,amber\n",
            ["has no column category", "its first line must name"],
        ),
        (
            "latin.csv",
            "reference,image,Grund für\n".encode("latin-1"),
            ["not a CSV table in UTF-8"],
        ),
    ],
    ids=["gone", "empty", "column", "encoding"],
)
def test_a_watchlist_that_cannot_be_read_is_told_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, words: list[str]
) -> None:
    table = tmp_path / name
    if content is not None:
        table.write_bytes(content)

    _assert_told_plainly(_run("watchlist", "enrol", str(table)), *words)


@pytest.mark.usefixtures("session")
def test_a_folder_needs_a_category_for_its_people(tmp_path: Path) -> None:
    _assert_told_plainly(
        _run("watchlist", "enrol", str(tmp_path)), "give a category and a response"
    )


def test_a_pack_that_nobody_ships_is_told_in_one_line(tmp_path: Path) -> None:
    _assert_told_plainly(_run("models", "pull", "nothing", "--models", str(tmp_path)), "nothing")

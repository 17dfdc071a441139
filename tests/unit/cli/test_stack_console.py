"""The console in a local stack: in its place among the services, and the way in is told once it is up."""

import stat
from pathlib import Path

from lookout_cli.stack.console import ConsoleOptions
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.services import ENDING_ORDER, STARTING_ORDER, orders


def test_a_console_starts_before_capture_and_ends_between_alerting_and_the_keeper() -> None:
    started, ended = orders(with_console=True)
    assert started[-2:] == ("console", "capture")
    assert ended[-3:] == ("alerting", "console", "keeper")
    assert sorted(started) == sorted(ended) == sorted([*STARTING_ORDER, "console"])


def test_without_a_console_the_orders_are_as_ever() -> None:
    assert orders(with_console=False) == (STARTING_ORDER, ENDING_ORDER)


def test_its_store_is_in_a_folder_closed_to_others(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    told = ConsoleOptions(folder, 8123).environment()
    assert stat.S_IMODE(folder.console.stat().st_mode) == 0o700
    assert told["LOOKOUT_CONSOLE_DATABASE_URL"] == f"sqlite:///{tmp_path}/console/console.db"
    assert not [name for name in told if "SECRET" in name or "PASSWORD" in name]


def test_the_first_time_the_way_in_is_a_link_and_later_the_sign_in_page(tmp_path: Path) -> None:
    options = ConsoleOptions(StateFolder(tmp_path), 8123)
    link = Path(options.environment()["LOOKOUT_CONSOLE_FIRST_LINK_FILE"])
    link.write_text("/sign-in/link/x\n")
    assert options.way_in(lambda: True, 1) == "http://127.0.0.1:8123/sign-in/link/x"
    assert options.first_link == "/sign-in/link/x"
    options.environment()
    assert options.first_link == ""
    assert options.way_in(lambda: True, 1) == "http://127.0.0.1:8123/sign-in"


def test_a_console_that_does_not_come_up_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    assert ConsoleOptions(StateFolder(tmp_path), 8123).way_in(lambda: False, 0) is None

"""Log lines are JSON, name their service, and hold no secret, no bytes and no locals."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from lookout.telemetry.logs import configure_logging


@pytest.fixture(name="out")
def _out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    out = io.StringIO()
    configure_logging(service="matching", instance="matching-1", level="INFO", out=out)
    yield out
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_json_and_says_who_speaks(out: io.StringIO) -> None:
    structlog.get_logger().info("started", port=1)

    (line,) = lines(out)
    assert line["event"] == "started"
    assert line["service"] == "matching"
    assert line["instance"] == "matching-1"
    assert line["port"] == 1


def test_bytes_and_what_is_named_like_a_secret_are_withheld(out: io.StringIO) -> None:
    structlog.get_logger().info("oops", key=b"0123", vault_secret="hunter2", template="[0.1, 0.2]")

    text = out.getvalue()
    assert "hunter2" not in text
    assert "0.2" not in text
    assert "0123" not in text


def test_tracebacks_do_not_show_locals(out: io.StringIO) -> None:
    def fails(chip: str) -> None:
        held = chip + "pixels"
        raise ValueError(len(held))

    try:
        fails("raw")
    except ValueError:
        structlog.get_logger().exception("failed")

    assert "rawpixels" not in out.getvalue()
    assert "ValueError" in out.getvalue()


def test_the_libraries_are_heard_from_warning_on(out: io.StringIO) -> None:
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("trouble")

    assert [line["event"] for line in lines(out)] == ["trouble"]

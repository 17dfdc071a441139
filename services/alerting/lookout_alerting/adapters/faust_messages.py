"""Between Faust's messages and ours."""

from datetime import UTC, datetime
from typing import Any, Final

from lookout.stream.ports import Message, Outgoing, Partition, Position

_LATEST_S: Final = 253_402_300_799.0


class Outbox:
    """A `Producer` that only collects: Faust's own producer, which must be awaited, sends."""

    def __init__(self) -> None:
        self._messages: list[Outgoing] = []

    def taken(self) -> list[Outgoing]:
        """What was produced since."""
        taken, self._messages = self._messages, []
        return taken

    def produce(self, message: Outgoing) -> None:
        """See `Producer.produce`."""
        self._messages.append(message)

    def flush(self, timeout_s: float = 30.0) -> None:
        """See `Producer.flush`: whoever takes the messages awaits their acknowledgement."""

    def close(self) -> None:
        """See `Producer.close`."""


def message_of(message: Any) -> Message:
    """One of Faust's raw messages, in our words."""
    return Message(
        position=position_of(message),
        key=message.key,
        value=message.value,
        headers=tuple(message.headers or ()),
        # A producer may state any 64 bits of milliseconds; no time of ours lies behind the year 9999.
        timestamp=datetime.fromtimestamp(min(max(0.0, message.timestamp or 0.0), _LATEST_S), UTC),
    )


def position_of(message: Any) -> Position:
    """Where one of Faust's raw messages lies."""
    return Position(Partition(message.topic, message.partition), message.offset)


def traceparent_of(message: Any) -> str | None:
    """The W3C trace context that a message came with."""
    header = dict(message.headers or ()).get("traceparent")
    return None if header is None else header.decode("ascii", "replace")

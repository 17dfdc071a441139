"""Logs: one JSON object a line on standard error, for machines; structlog's console for a person at a terminal."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

Event = MutableMapping[str, Any]

_REDACTED = "(withheld)"
# Names under which a secret or a biometric could be logged by mistake. Values of bytes are withheld under any name.
_WITHHELD = (
    "secret",
    "password",
    "token",
    "template",
    "vector",
    "chip",
    "thumbnail",
    "jpeg",
    "image",
)


def configure_logging(
    *, service: str, instance: str, level: str = "INFO", out: TextIO | None = None
) -> None:
    """Send structlog's and the standard library's records to ``out`` as JSON lines."""
    stream = out or sys.stderr
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(service, instance),
        _withhold,
        structlog.processors.StackInfoRenderer(),
        # Locals stay out of tracebacks: they hold keys, images and templates.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processor=structlog.processors.JSONRenderer()
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries are heard when something is wrong; their chatter is not ours to publish.
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


def _named(service: str, instance: str) -> structlog.types.Processor:
    def add(_logger: object, _method: str, event: Event) -> Event:
        event.setdefault("service", service)
        event.setdefault("instance", instance)
        return event

    return add


def _withhold(_logger: object, _method: str, event: Event) -> Mapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, bytes | bytearray | memoryview) or (
            isinstance(value, str) and any(word in name for word in _WITHHELD)
        ):
            event[name] = _REDACTED
    return event

"""What a person or a program sent, read once and checked at the edge."""

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs

from starlette.requests import Request

from lookout_console.web.refusals import bad_input

LARGEST_BODY: Final = 256 * 1024
_LONGEST: Final = 4000

E = TypeVar("E", bound=StrEnum)


class Fields:
    """Named texts. A text is valid Unicode without control characters other than line breaks, and never too long."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def text(self, name: str, *, most: int = _LONGEST) -> str:
        """A text that must be there.

        Raises:
            Refusal: missing, empty, too long, or with characters that are none.
        """
        found = self.maybe(name, most=most)
        if not found:
            raise bad_input(f"“{name.replace('_', ' ')}” is needed.")
        return found

    def maybe(self, name: str, *, most: int = _LONGEST) -> str:
        """A text, empty where none was sent."""
        values = self._values.get(name) or [""]
        return _checked(name, values[0], most)

    def many(self, name: str) -> tuple[str, ...]:
        """Every text under a name, without the empty ones."""
        return tuple(
            checked
            for value in self._values.get(name, ())
            if (checked := _checked(name, value, _LONGEST))
        )

    def one_of(self, name: str, kind: type[E]) -> E:
        """A value out of a closed list.

        Raises:
            Refusal: missing, or not in the list.
        """
        found = self.text(name, most=100)
        try:
            return kind(found)
        except ValueError:
            wanted = ", ".join(member.value for member in kind)
            raise bad_input(f"“{name.replace('_', ' ')}” is one of: {wanted}.") from None

    def maybe_one_of(self, name: str, kind: type[E]) -> E | None:
        """A value out of a closed list, or None where none was chosen."""
        return self.one_of(name, kind) if self.maybe(name) else None

    def several_of(self, name: str, kind: type[E]) -> tuple[E, ...]:
        """Values out of a closed list."""
        try:
            return tuple(kind(text) for text in self.many(name))
        except ValueError:
            wanted = ", ".join(member.value for member in kind)
            raise bad_input(f"“{name.replace('_', ' ')}” is some of: {wanted}.") from None

    def number(self, name: str) -> float:
        """A finite number."""
        try:
            found = float(self.text(name, most=40))
        except ValueError:
            raise bad_input(f"“{name.replace('_', ' ')}” is a number.") from None
        if found != found or found in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN is the one that differs from itself
            raise bad_input(f"“{name.replace('_', ' ')}” is a number.")
        return found

    def whole(self, name: str, *, default: int | None = None) -> int:
        """A whole number."""
        text = self.maybe(name, most=20)
        if not text and default is not None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,9}", text):
            raise bad_input(f"“{name.replace('_', ' ')}” is a whole number.")
        return int(text)

    def yes(self, name: str) -> bool:
        """Whether a box was ticked."""
        return self.maybe(name) in {"yes", "true", "on", "1"}


async def fields_of(request: Request) -> Fields:
    """The fields of a form, or of a JSON object, of at most 256 KiB.

    Raises:
        Refusal: larger, or not one of these.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise bad_input("This is too much text for one form.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return Fields(_of_json(body))
    if kind in ("", "application/x-www-form-urlencoded"):
        return Fields(_of_form(body))
    raise bad_input("Send a form (application/x-www-form-urlencoded) or a JSON object.")


def _of_form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=500)
    except ValueError:
        raise bad_input("This form cannot be read.") from None


def _of_json(body: bytes) -> dict[str, list[str]]:
    try:
        found: Any = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise bad_input("This is not JSON.") from None
    if not isinstance(found, dict):
        raise bad_input("Send a JSON object.")
    return {str(name): _texts(value) for name, value in found.items()}


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if value is None:
        return []
    if isinstance(value, bool):
        return ["yes" if value else ""]
    if isinstance(value, str | int | float):
        return [str(value)]
    raise bad_input("A field is a text, a number, true or false, or a list of these.")


def _checked(name: str, value: str, most: int) -> str:
    text = value.replace("\r\n", "\n").strip()
    if len(text) > most:
        raise bad_input(f"“{name.replace('_', ' ')}” has at most {most} characters.")
    if any((ord(c) < 32 and c not in "\n\t") or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise bad_input(f"“{name.replace('_', ' ')}” holds characters that are none.")
    return text

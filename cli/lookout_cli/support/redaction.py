"""What is taken out of every text before it leaves the house: secrets, and whatever could be a picture, a template or a key.

Rather a word too many than one too few: what only looks like one is withheld as well.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

WITHHELD: Final = "(withheld)"

# Words in the name of a setting or of a log's field whose value nobody else needs.
_TELLING: Final = (
    "password",
    "passwd",
    "secret",
    "token",
    "credential",
    "private",
    "authorization",
    "cookie",
    "api_key",
    "apikey",
    "sealed",
    "template",
    "vector",
    "embedding",
    "chip",
    "thumbnail",
    "jpeg",
    "image",
    "picture",
    "cameras",
)
_LEAST_KNOWN: Final = 6
"""A known secret shorter than this is a word like others."""

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s\"'@]*@")
_NAMED = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|authorization|credential|cookie)\w*[\"']?\s*[:=]\s*)"
    r"(?:\"[^\"]*\"|'[^']*'|(?:(?:bearer|basic)\s+)?[^\s,;}\"']+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
_HEX = re.compile(r"\b[0-9a-fA-F]{40,}\b")
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")
# Bytes as Python or JSON writes them, and numbers as a template would be written.
_ESCAPED = re.compile(
    r"(?:\\+x[0-9a-fA-F]{2}|\\+u00[0-9a-fA-F]{2}).*?(?:\\+x[0-9a-fA-F]{2}|\\+u00[0-9a-fA-F]{2})"
)
_NUMBERS = re.compile(r"(?:-?\d+\.\d*(?:e[-+]?\d+)?[\s,;]+){4,}(?:-?\d+\.\d*(?:e[-+]?\d+)?)?")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")


class Redaction:
    """Takes out what is secret or biometric. ``known`` secrets are taken out wherever they stand."""

    def __init__(self, known: Sequence[str] = ()) -> None:
        plain = {one.strip() for one in known if len(one.strip()) >= _LEAST_KNOWN}
        self._known = sorted(plain | {quote(one, safe="") for one in plain}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """A text without them; a line that is no text is withheld whole."""
        for secret in self._known:
            text = text.replace(secret, WITHHELD)
        text = _NUMBERS.sub(f"{WITHHELD} ", _PEM.sub(WITHHELD, text))
        return "\n".join(self._line(line) for line in text.split("\n"))

    def settings(self, settings: Mapping[str, object]) -> dict[str, object]:
        """Settings, names and all, without values that are secret."""
        return {name: self._value(name, value) for name, value in settings.items()}

    def _value(self, name: str, value: object) -> object:
        if isinstance(value, Mapping):
            return self.settings(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        # Where a secret lies is no secret.
        if _is_telling(name) and not name.lower().endswith(("_file", "_folder")):
            return WITHHELD if str(value) else ""
        return self.text(str(value))

    def _line(self, line: str) -> str:
        if _UNPRINTABLE.search(line.rstrip("\r")):
            return WITHHELD
        line = _ESCAPED.sub(WITHHELD, line)
        line = _IN_ADDRESS.sub(f"{WITHHELD}@", line)
        line = _NAMED.sub(rf"\1{WITHHELD}", line)
        line = _BEARER.sub(rf"\1 {WITHHELD}", line)
        line = _HEX.sub(WITHHELD, line)
        return _ENCODED.sub(_unless_words, line)


def _is_telling(name: str) -> bool:
    return any(word in name.lower() for word in _TELLING)


def _unless_words(found: "re.Match[str]") -> str:
    """Paths and long names stay; what mixes cases and digits is an encoding of something."""
    text = found[0]
    mixed = (
        any(c.islower() for c in text)
        and any(c.isupper() for c in text)
        and any(c.isdigit() for c in text)
    )
    return WITHHELD if mixed else text

"""When an account may sign in, how long a session lasts, what a password must be. Pure.

Defaults follow NIST SP 800-63B (length over composition, limits on guessing) and OWASP's session guidance; each is a
setting of the force.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
_LONGEST_NAME: Final = 120


class WeakPasswordError(ValueError):
    """The password cannot be taken. The text says what is wanted and never repeats the password."""


class BadNameError(ValueError):
    """The name cannot be taken. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """A session ends ``idle`` after its last use, and ``absolute`` after its start whatever is done."""

    idle: timedelta = timedelta(minutes=30)
    absolute: timedelta = timedelta(hours=12)

    def ends_at(self, *, started_at: datetime, seen_at: datetime) -> datetime:
        """When the session ends unless it is used again."""
        return min(seen_at + self.idle, started_at + self.absolute)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockoutRules:
    """``free`` wrong passwords cost nothing; each further one doubles the wait, from ``first`` up to ``longest``."""

    free: int = 4
    first: timedelta = timedelta(seconds=15)
    longest: timedelta = timedelta(minutes=15)

    def locked_until(self, *, failures: int, now: datetime) -> datetime | None:
        """Until when no password is looked at after ``failures`` wrong ones in a row; None while they are free."""
        beyond = failures - self.free
        if beyond <= 0:
            return None
        # The exponent is bounded before the multiplication: a timedelta overflows long before an int does.
        doubled = self.first * (1 << min(beyond - 1, 16))
        return now + min(doubled, self.longest)


def sign_in_name(written: str) -> str:
    """What a person signs in with, as it is compared: NFKC, case folded, without spaces around it.

    Raises:
        BadNameError: empty, too long, or with control or invisible characters that make two names look alike.
    """
    name = unicodedata.normalize("NFKC", written).strip().casefold()
    if not name or len(name) > _LONGEST_NAME:
        raise BadNameError(f"a sign-in name has 1 to {_LONGEST_NAME} characters")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in name):
        raise BadNameError("a sign-in name has no control characters or invisible ones")
    return name


def check_password(password: str, *, name: str) -> None:
    """Refuse what is quickly guessed.

    Raises:
        WeakPasswordError: too short, too long, one character repeated, or the sign-in name itself.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise WeakPasswordError(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters: several words do well"
        )
    if len(set(password)) < 4 or name in password.casefold():
        raise WeakPasswordError("this password is quickly guessed: take several words")

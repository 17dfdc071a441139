"""What the rest of the console sees of accounts."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person who may sign in. ``name`` is what they sign in with, ``shown`` what others read; one person, one account."""

    account_id: str
    name: str
    shown: str
    roles: frozenset[str]
    disabled: bool
    local: bool
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser. ``key`` is the stored hash of what its cookie holds, never the cookie's own value."""

    key: str
    account: Account
    started_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What another system calls the API with: one role, an end, an owner. The secret itself is shown once and not kept."""

    token_id: str
    label: str
    role: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked: bool
    used_at: datetime | None


class SignInRefusedError(Exception):
    """Not signed in. The text is the same whatever was wrong, so that it tells nobody which accounts there are."""

    def __init__(self, *, wait_s: int = 0) -> None:
        self.wait_s = wait_s
        super().__init__(
            f"Too many wrong passwords: wait {wait_s} seconds and try again."
            if wait_s
            else "This name and password do not go together, or the account is disabled."
        )


class AccountRefusedError(Exception):
    """An account, link or token cannot be made or changed so. The text says why."""

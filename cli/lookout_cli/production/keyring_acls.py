"""Who may do what in the keyring: each service the calls that it makes, as users of Redis or Valkey. Pure.

The server checks every command that a script runs against the user's rights, so a call is worth exactly the commands of its
script, which are read from the script itself. All data keys have one form of name: whoever may get keys may get any whose
id it knows. Ids travel on the topics, and who reads those is the topics' matter (`acls`).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lookout.sealing import scripts

from lookout_cli.production.acls import USER_PREFIX, AclError

_COMMAND = re.compile(r"redis\.call\('([A-Z]+)'")
_KEYS, _BLOCKS = f"{scripts.KEY}*", f"{scripts.BLOCK}*"
_OUTBOX = (scripts.OUTBOX, scripts.TAKEN)


class Call(StrEnum):
    """A call of `lookout.sealing.keyring.RedisKeyring`."""

    OPEN = "open_block"
    MAKE = "make"
    CLOSE = "close_block"
    GET = "get"
    EXTEND = "extend"
    DESTROY = "destroy"
    BLOCKS = "blocks"
    ALIVE = "alive"
    REMAINING = "remaining"
    PENDING = "pending_receipts"
    DROP = "drop_pending"
    BURY = "bury_block"
    FORGET = "forget_block"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class _Needs:
    """What a call needs: its script or its command, and the keys it touches."""

    keys: Sequence[str]
    script: str = ""
    command: str = ""

    @property
    def commands(self) -> set[str]:
        if self.command:
            return {self.command}
        return {"eval", "evalsha", *(word.lower() for word in _COMMAND.findall(self.script))}


_NEEDS: Mapping[Call, _Needs] = {
    Call.OPEN: _Needs([_BLOCKS, scripts.BLOCKS, scripts.TAKEN], scripts.OPEN),
    Call.MAKE: _Needs([_BLOCKS, _KEYS], scripts.MAKE),
    Call.CLOSE: _Needs([_BLOCKS, scripts.OUTBOX], scripts.CLOSE),
    Call.GET: _Needs([_KEYS], command="mget"),
    Call.EXTEND: _Needs([_KEYS], scripts.EXTEND),
    Call.DESTROY: _Needs([_KEYS, scripts.OUTBOX], scripts.DESTROY),
    Call.BLOCKS: _Needs([_BLOCKS, scripts.BLOCKS], scripts.BLOCK_STATES),
    Call.ALIVE: _Needs([_KEYS], scripts.ALIVE),
    Call.REMAINING: _Needs([_KEYS], scripts.REMAINING),
    Call.PENDING: _Needs(_OUTBOX, scripts.PENDING),
    Call.DROP: _Needs(_OUTBOX, scripts.DROP),
    Call.BURY: _Needs([_BLOCKS], scripts.BURY),
    Call.FORGET: _Needs([_BLOCKS, scripts.BLOCKS], scripts.FORGET),
    Call.HELD: _Needs([], command="scan"),
}

CALLS: Mapping[str, Sequence[Call]] = {
    "capture": (Call.OPEN, Call.MAKE, Call.CLOSE),
    "detection": (Call.OPEN, Call.MAKE, Call.CLOSE, Call.GET, Call.DESTROY),
    "embedding": (Call.GET, Call.DESTROY),
    "matching": (Call.GET, Call.EXTEND, Call.DESTROY),
    "alerting": (Call.DESTROY,),
    "console": (Call.GET, Call.DESTROY),
    "keeper": (
        Call.BLOCKS,
        Call.ALIVE,
        Call.REMAINING,
        Call.PENDING,
        Call.DROP,
        Call.BURY,
        Call.FORGET,
        Call.CLOSE,
        Call.DESTROY,
        Call.HELD,
    ),
    "cli": (Call.GET, Call.DESTROY, Call.BLOCKS, Call.PENDING, Call.ALIVE),
    # `lookout doctor --production` and an exporter of metrics.
    "monitor": (),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """Commands that may be used on keys (patterns), for one call's sake."""

    call: Call
    commands: Sequence[str]
    keys: Sequence[str]

    def __str__(self) -> str:
        """As a selector of the server's."""
        words = [*(f"~{key}" for key in self.keys), "-@all", *(f"+{c}" for c in self.commands)]
        return f"({' '.join(words)})"


# Every service asks for the time and whether the keyring is one that keeps nothing.
ALWAYS = ("config|get", "info", "ping", "time")
HEALTH = "health"


def rules_of(role: str) -> Sequence[Rule]:
    """The rules of a role, one a call: a command counts only together with that call's keys. `AclError` for no role."""
    return [
        Rule(call, sorted(_NEEDS[call].commands), sorted(_NEEDS[call].keys))
        for call in _calls(role)
    ]


def _calls(role: str) -> Sequence[Call]:
    found = CALLS.get(role)
    if found is None:
        raise AclError(f"no role {role} in the keyring: there are {', '.join(CALLS)}")
    return found


def acl_file(passwords: Mapping[str, str], *, user_prefix: str = USER_PREFIX) -> str:
    """The server's ``aclfile``: a line a user, passwords as SHA-256; ``passwords`` by role.

    The default user is off. A user ``health`` without a password may PING, for a container's health check. Selectors need
    Redis 7 or any Valkey: older servers refuse the file.
    """
    lines = ["user default off resetpass resetkeys resetchannels -@all"]
    lines.append(f"user {user_prefix}{HEALTH} on nopass resetkeys resetchannels -@all +ping")
    for role, password in passwords.items():
        digest = hashlib.sha256(password.encode()).hexdigest()
        always = [f"+{command}" for command in ALWAYS]
        words = ["on", f"#{digest}", "resetkeys", "resetchannels", "-@all", *always]
        words += [str(rule) for rule in rules_of(role)]
        lines.append(f"user {user_prefix}{role} {' '.join(words)}")
    return "\n".join(lines) + "\n"

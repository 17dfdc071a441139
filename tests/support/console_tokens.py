"""People at a console of any release: accounts with a token each, made by that release's own code, for its REST API."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
from lookout_cli.demo.officers import Officer, Officers
from lookout_console.domain.roles import Role

_WITHIN_S = 120.0
# Run by the release's interpreter: what it writes into its store is of its own making.
_MAKE = """
import json, sys
from datetime import UTC, datetime, timedelta
from lookout_console.accounts.credentials import Credentials
from lookout_console.accounts.register import Register
from lookout_console.domain.roles import Role
from lookout_console.store.audit import Audit
from lookout_console.store.engine import Store
store = Store(sys.argv[1])
now = lambda: datetime.now(UTC)
audit = Audit(store, now)
register = Register(store.writing, clock=now, journal=audit)
credentials = Credentials(store.writing, clock=now, journal=audit)
made = {}
for role in Role:
    who = register.add(name=f"{role}-1", shown=str(role), roles=[role], password=None, by="test", reason="test")
    _, made[role] = credentials.make_token(label="test", role=role, lives=timedelta(hours=1), by=who, reason="test")
store.close()
print(json.dumps(made))
"""


class TokenOfficer(Officer):
    """Somebody who comes by the API with a token."""

    def __init__(self, base: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=base,
            timeout=60,
            trust_env=False,
            headers={"authorization": f"Bearer {token}"},
        )
        self._word = ""


class TokenOfficers(Officers):
    """One for each role."""

    def __init__(self, base: str, tokens: dict[str, str]) -> None:
        self._there = {role: TokenOfficer(base, tokens[role]) for role in Role if role in tokens}


def officers_of(python: Path, database: str, base: str) -> TokenOfficers:
    """Whoever is needed at the console at ``base``, whose store is ``database`` and which ``python`` runs."""
    done = subprocess.run(
        [str(python), "-c", _MAKE, database],
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    made: dict[str, Any] = json.loads(done.stdout)
    return TokenOfficers(base, made)

"""The register of accounts: kept in the console's store, every change in one transaction with its audit entry."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Connection, Engine, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError

from lookout_console.accounts.rules import LockoutRules, check_password, sign_in_name
from lookout_console.accounts.tables import accounts, sessions
from lookout_console.accounts.values import Account, AccountRefusedError, SignInRefusedError
from lookout_console.journal import Clock, Journal

_SHOWN_MOST: Final = 120


def new_hasher() -> PasswordHasher:
    """Argon2id with OWASP's second set of parameters (19 MiB, two passes, one lane): tens of milliseconds a try."""
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class Register:
    """Accounts by name, by provider and by id. Safe to use from several threads; each call is one transaction."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        journal: Journal,
        lockout: LockoutRules | None = None,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._journal = journal
        self._lockout = lockout or LockoutRules()
        self._hasher = hasher or new_hasher()
        # Hashed against when there is no such account, so that the answer takes as long.
        self._nobody = self._hasher.hash(uuid.uuid4().hex)

    def add(
        self,
        *,
        name: str,
        shown: str,
        roles: Iterable[str],
        password: str | None,
        by: str,
        reason: str,
    ) -> Account:
        """A new local account. Without a password it is signed in to by link only.

        Raises:
            AccountRefusedError: the name is taken, or no role is named.
            BadNameError: the name cannot be one.
            WeakPasswordError: the password cannot be one.
        """
        key = sign_in_name(name)
        if password is not None:
            check_password(password, name=key)
        row = {
            "password_hash": None if password is None else self._hasher.hash(password),
            "issuer": None,
            "subject": None,
        }
        return self._insert(key, shown, frozenset(roles), row, by=by, reason=reason)

    def provided(
        self, *, issuer: str, subject: str, name: str, shown: str, roles: Iterable[str]
    ) -> Account:
        """The account of a person whom the OpenID provider vouches for; made, or brought up to its roles, now.

        Raises:
            SignInRefusedError: disabled here, or the provider names no role that this console knows.
        """
        wanted = frozenset(roles)
        with self._engine.begin() as connection:
            row = self._row(connection, accounts.c.issuer == issuer, accounts.c.subject == subject)
            if (row is not None and row["disabled"]) or not wanted:
                raise SignInRefusedError
            if row is not None:
                if frozenset(row["roles"]) != wanted or row["shown"] != shown:
                    self._change(
                        connection,
                        row["account_id"],
                        {"roles": sorted(wanted), "shown": _shown(shown)},
                        action="account.provided",
                        by=row["account_id"],
                        reason=f"roles of {issuer}: {', '.join(sorted(wanted))}",
                    )
                self._journal.record(
                    connection,
                    actor=row["account_id"],
                    action="account.signed_in",
                    subject=row["account_id"],
                    reason=f"through {issuer}",
                )
                return self._must(connection, row["account_id"])
        identity = {"password_hash": None, "issuer": issuer, "subject": subject}
        return self._insert(
            _provided_name(name, issuer, subject),
            shown,
            wanted,
            identity,
            by="identity provider",
            reason=f"first sign-in through {issuer}",
        )

    def sign_in(self, name: str, password: str) -> Account:
        """The account behind a name and a password. Takes tens of milliseconds of processor time.

        Raises:
            SignInRefusedError: wrong, disabled, without a password, or locked after too many wrong ones.
        """
        try:
            key = sign_in_name(name)
        except ValueError:
            raise SignInRefusedError from None
        now = self._clock()
        with self._engine.connect() as connection:
            row = self._row(connection, accounts.c.name == key)
        locked = None if row is None else row["locked_until"]
        if locked is not None and locked > now:
            raise SignInRefusedError(wait_s=int((locked - now).total_seconds()) + 1)
        right = self._right(None if row is None else row["password_hash"], password)
        if row is None:
            raise SignInRefusedError
        account_id = str(row["account_id"])
        if not right or row["disabled"]:
            self._failed(account_id, now)
            raise SignInRefusedError
        with self._engine.begin() as connection:
            connection.execute(
                update(accounts)
                .where(accounts.c.account_id == account_id)
                .values(failures=0, locked_until=None)
            )
            self._journal.record(
                connection,
                actor=account_id,
                action="account.signed_in",
                subject=account_id,
                reason="name and password",
            )
            return self._must(connection, account_id)

    def change_roles(self, account_id: str, roles: Iterable[str], *, by: str, reason: str) -> None:
        """Give an account other roles; it is signed out everywhere, so that they hold from now on.

        Raises:
            AccountRefusedError: no such account, no role, or one's own account.
        """
        wanted = sorted(set(roles))
        if not wanted:
            raise AccountRefusedError("an account has at least one role")
        self._of_another(account_id, {"roles": wanted}, "account.roles", by=by, reason=reason)

    def disable(self, account_id: str, *, by: str, reason: str) -> None:
        """Let nobody sign in to an account any more, and end its sessions now."""
        self._of_another(account_id, {"disabled": True}, "account.disabled", by=by, reason=reason)

    def enable(self, account_id: str, *, by: str, reason: str) -> None:
        """Let an account be signed in to again, and unlock it."""
        values = {"disabled": False, "failures": 0, "locked_until": None}
        self._of_another(account_id, values, "account.enabled", by=by, reason=reason)

    def set_password(self, account_id: str, password: str, *, by: str, reason: str) -> None:
        """Replace a local account's password; its sessions end."""
        account = self.get(account_id)
        if account is None or not account.local:
            raise AccountRefusedError("only a local account has a password here")
        check_password(password, name=account.name)
        values = {
            "password_hash": self._hasher.hash(password),
            "failures": 0,
            "locked_until": None,
        }
        with self._engine.begin() as connection:
            self._change(
                connection, account_id, values, action="account.password", by=by, reason=reason
            )

    def get(self, account_id: str) -> Account | None:
        """The account with an id."""
        with self._engine.connect() as connection:
            row = self._row(connection, accounts.c.account_id == account_id)
            return None if row is None else account_of(row)

    def all(self) -> tuple[Account, ...]:
        """Every account, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(accounts).order_by(accounts.c.name)).mappings()
            return tuple(account_of(row) for row in rows)

    def _insert(
        self,
        key: str,
        shown: str,
        roles: frozenset[str],
        identity: Mapping[str, str | None],
        *,
        by: str,
        reason: str,
    ) -> Account:
        if not roles:
            raise AccountRefusedError("an account has at least one role")
        account_id = str(uuid.uuid4())
        values = {
            "account_id": account_id,
            "name": key,
            "shown": _shown(shown) or key,
            "roles": sorted(roles),
            "disabled": False,
            "failures": 0,
            **identity,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(accounts).values(values))
                self._journal.record(
                    connection,
                    actor=by,
                    action="account.made",
                    subject=account_id,
                    reason=f"{reason} (roles: {', '.join(sorted(roles))})",
                )
                return self._must(connection, account_id)
        except IntegrityError as error:
            raise AccountRefusedError("this sign-in name is taken") from error

    def _of_another(
        self, account_id: str, values: Mapping[str, Any], action: str, *, by: str, reason: str
    ) -> None:
        if account_id == by:
            raise AccountRefusedError(
                "nobody changes their own account: another administrator does"
            )
        with self._engine.begin() as connection:
            self._change(connection, account_id, values, action=action, by=by, reason=reason)

    def _change(
        self,
        connection: Connection,
        account_id: str,
        values: Mapping[str, Any],
        *,
        action: str,
        by: str,
        reason: str,
    ) -> None:
        changed = connection.execute(
            update(accounts).where(accounts.c.account_id == account_id).values(values)
        )
        if changed.rowcount != 1:
            raise AccountRefusedError("there is no such account")
        connection.execute(sessions.delete().where(sessions.c.account_id == account_id))
        self._journal.record(connection, actor=by, action=action, subject=account_id, reason=reason)

    def _failed(self, account_id: str, now: datetime) -> None:
        with self._engine.begin() as connection:
            # Counted in the statement, so that tries at the same moment all count.
            connection.execute(
                update(accounts)
                .where(accounts.c.account_id == account_id)
                .values(failures=accounts.c.failures + 1)
            )
            failures = connection.execute(
                select(accounts.c.failures).where(accounts.c.account_id == account_id)
            ).scalar_one()
            until = self._lockout.locked_until(failures=failures, now=now)
            connection.execute(
                update(accounts)
                .where(accounts.c.account_id == account_id)
                .values(locked_until=until)
            )
            self._journal.record(
                connection,
                actor=account_id,
                action="account.sign_in_refused",
                subject=account_id,
                reason=f"wrong password, {failures} in a row",
            )

    def _right(self, kept: str | None, password: str) -> bool:
        try:
            self._hasher.verify(kept or self._nobody, password)
        except (VerifyMismatchError, InvalidHashError):
            return False
        return kept is not None

    def _must(self, connection: Connection, account_id: str) -> Account:
        row = self._row(connection, accounts.c.account_id == account_id)
        if row is None:
            raise AccountRefusedError("there is no such account")
        return account_of(row)

    @staticmethod
    def _row(connection: Connection, *where: Any) -> RowMapping | None:
        return connection.execute(select(accounts).where(*where)).mappings().one_or_none()


def account_of(row: RowMapping) -> Account:
    """An account out of its row."""
    return Account(
        account_id=row["account_id"],
        name=row["name"],
        shown=row["shown"],
        roles=frozenset(row["roles"]),
        disabled=row["disabled"],
        local=row["issuer"] is None,
        locked_until=row["locked_until"],
    )


def _provided_name(name: str, issuer: str, subject: str) -> str:
    """A sign-in name that is nobody else's, whatever length the provider's names have."""
    mark = hashlib.sha256(f"{issuer} {subject}".encode()).hexdigest()[:16]
    kept = "".join(character for character in name if character.isprintable())[:80]
    return sign_in_name(f"{kept}@{mark}")


def _shown(written: str) -> str:
    return " ".join(written.split())[:_SHOWN_MOST]

"""Random secrets that stand for an account: the cookie of a session, a one-time link, a token. Only their hashes are kept."""

import hashlib
import hmac
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, RowMapping, delete, insert, select, update

from lookout_console.accounts.register import account_of
from lookout_console.accounts.rules import SessionRules
from lookout_console.accounts.tables import accounts, sessions, sign_in_links, tokens
from lookout_console.accounts.values import (
    Account,
    AccountRefusedError,
    Session,
    SignInRefusedError,
    Token,
)
from lookout_console.journal import Clock, Journal

LINK_LIVES: Final = timedelta(minutes=15)
LONGEST_TOKEN: Final = timedelta(days=90)
_TOKEN_PREFIX: Final = "lookout_"  # noqa: S105 - what a token begins with, so that it is recognised where it leaked
_TOUCH_EVERY: Final = timedelta(seconds=20)


def stored(secret: str) -> str:
    """What is kept of a random secret of 256 bits: no salt or slow hash is needed where nothing can be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_of(cookie: str) -> str:
    """The word that every form of this cookie's browser must carry: derived from it, and telling nothing of it."""
    return hmac.new(cookie.encode(), b"lookout csrf", hashlib.sha256).hexdigest()


class Credentials:
    """Sessions, links and tokens. Each call is one transaction."""

    def __init__(
        self, engine: Engine, *, clock: Clock, journal: Journal, rules: SessionRules | None = None
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._journal = journal
        self._rules = rules or SessionRules()

    def start_session(self, account_id: str) -> str:
        """A new session's cookie value. A session is never taken over from before the sign-in."""
        cookie = secrets.token_urlsafe(32)
        now = self._clock()
        with self._engine.begin() as connection:
            connection.execute(
                delete(sessions).where(sessions.c.started_at < now - self._rules.absolute)
            )
            connection.execute(
                insert(sessions).values(
                    key=stored(cookie), account_id=account_id, started_at=now, seen_at=now
                )
            )
        return cookie

    def session(self, cookie: str, *, touch: bool) -> Session | None:
        """The session behind a cookie, or None once it has ended. ``touch`` counts this as a use of it."""
        now = self._clock()
        with self._engine.connect() as connection:
            row = (
                connection.execute(
                    select(sessions, accounts)
                    .join(accounts, accounts.c.account_id == sessions.c.account_id)
                    .where(sessions.c.key == stored(cookie))
                )
                .mappings()
                .one_or_none()
            )
        if row is None or row["disabled"]:
            return None
        ends_at = self._rules.ends_at(started_at=row["started_at"], seen_at=row["seen_at"])
        if now >= ends_at:
            self.end_session(cookie)
            return None
        if touch and now - row["seen_at"] >= _TOUCH_EVERY:
            with self._engine.begin() as connection:
                connection.execute(
                    update(sessions).where(sessions.c.key == row["key"]).values(seen_at=now)
                )
        return Session(
            key=row["key"],
            account=account_of(row),
            started_at=row["started_at"],
            ends_at=ends_at,
        )

    def end_session(self, cookie: str) -> None:
        """Forget a session. One that is not there is forgotten already."""
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.key == stored(cookie)))

    def end_sessions_of(self, account_id: str) -> None:
        """Sign an account out everywhere."""
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.account_id == account_id))

    def make_link(self, account_id: str, *, by: str, reason: str) -> str:
        """The secret of a link that signs in once, within fifteen minutes.

        Raises:
            AccountRefusedError: there is no such account, it is disabled, or it is the identity provider's.
        """
        secret = secrets.token_urlsafe(32)
        with self._engine.begin() as connection:
            fit = connection.execute(
                select(accounts.c.account_id).where(
                    accounts.c.account_id == account_id,
                    accounts.c.issuer.is_(None),
                    accounts.c.disabled.is_(False),
                )
            ).first()
            if fit is None:
                raise AccountRefusedError("only a local account that is not disabled gets a link")
            connection.execute(
                insert(sign_in_links).values(
                    key=stored(secret),
                    account_id=account_id,
                    expires_at=self._clock() + LINK_LIVES,
                )
            )
            self._journal.record(
                connection,
                actor=by,
                action="account.link_made",
                subject=account_id,
                reason=reason,
            )
        return secret

    def use_link(self, secret: str) -> Account:
        """The account that a link signs in to; the link is used up by it.

        Raises:
            SignInRefusedError: used already, too old, never made, or the account is disabled.
        """
        with self._engine.begin() as connection:
            where = sign_in_links.c.key == stored(secret)
            row = (
                connection.execute(
                    select(sign_in_links.c.expires_at, accounts)
                    .join(accounts, accounts.c.account_id == sign_in_links.c.account_id)
                    .where(where)
                )
                .mappings()
                .one_or_none()
            )
            # Of two who press at once, the one whose statement deletes the row is signed in.
            used = connection.execute(delete(sign_in_links).where(where)).rowcount == 1
            if row is None or not used or row["disabled"] or row["expires_at"] <= self._clock():
                account = None
            else:
                account = account_of(row)
                self._journal.record(
                    connection,
                    actor=account.account_id,
                    action="account.signed_in",
                    subject=account.account_id,
                    reason="one-time link",
                )
        if account is None:
            raise SignInRefusedError
        return account

    def make_token(
        self, *, label: str, role: str, lives: timedelta, by: Account, reason: str
    ) -> tuple[Token, str]:
        """A token with one of its maker's own roles, and its secret, which is kept by nobody but the caller.

        Raises:
            AccountRefusedError: without a label, for longer than ninety days, or with a role that its maker lacks.
        """
        if role not in by.roles:
            raise AccountRefusedError("a token has one of its maker's own roles")
        if not label.strip() or not timedelta(0) < lives <= LONGEST_TOKEN:
            raise AccountRefusedError("a token has a label, and ends within 90 days")
        secret = _TOKEN_PREFIX + secrets.token_urlsafe(32)
        now = self._clock()
        values = {
            "token_id": str(uuid.uuid4()),
            "label": label.strip()[:120],
            "role": role,
            "made_by": by.account_id,
            "made_at": now,
            "expires_at": now + lives,
            "revoked": False,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(tokens).values(key=stored(secret), **values))
            self._journal.record(
                connection,
                actor=by.account_id,
                action="token.made",
                subject=str(values["token_id"]),
                reason=f"{reason} (role: {role})",
            )
            row = connection.execute(
                select(tokens).where(tokens.c.token_id == values["token_id"])
            ).mappings()
            return _token_of(row.one()), secret

    def token(self, secret: str) -> Token | None:
        """The token behind a secret, or None where it is none, ended or revoked, or its maker lost the role."""
        now = self._clock()
        with self._engine.begin() as connection:
            row = (
                connection.execute(
                    select(tokens, accounts.c.roles, accounts.c.disabled)
                    .join(accounts, accounts.c.account_id == tokens.c.made_by)
                    .where(tokens.c.key == stored(secret))
                )
                .mappings()
                .one_or_none()
            )
            if row is None or row["revoked"] or row["expires_at"] <= now:
                return None
            if row["disabled"] or row["role"] not in row["roles"]:
                return None
            if row["used_at"] is None or now - row["used_at"] >= _TOUCH_EVERY:
                connection.execute(
                    update(tokens).where(tokens.c.key == row["key"]).values(used_at=now)
                )
        return _token_of(row)

    def revoke_own_token(self, token_id: str, *, by: str, reason: str) -> None:
        """End a token of one's own now. Others' end with their makers' accounts.

        Raises:
            AccountRefusedError: there is no such token of this account.
        """
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(tokens)
                .where(tokens.c.token_id == token_id, tokens.c.made_by == by)
                .values(revoked=True)
            )
            if changed.rowcount != 1:
                raise AccountRefusedError("there is no such token")
            self._journal.record(
                connection, actor=by, action="token.revoked", subject=token_id, reason=reason
            )

    def all_tokens(self) -> tuple[Token, ...]:
        """Every token, the newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tokens).order_by(tokens.c.made_at.desc())).mappings()
            return tuple(_token_of(row) for row in rows)


def _token_of(row: RowMapping) -> Token:
    used_at: datetime | None = row["used_at"]
    return Token(
        token_id=row["token_id"],
        label=row["label"],
        role=row["role"],
        made_by=row["made_by"],
        made_at=row["made_at"],
        expires_at=row["expires_at"],
        revoked=row["revoked"],
        used_at=used_at,
    )

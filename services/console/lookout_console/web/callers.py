"""Who calls, and whether they may: every route names its permission, and every form its session."""

import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from lookout_console.accounts.credentials import Credentials, csrf_of
from lookout_console.accounts.register import Register
from lookout_console.accounts.values import Account
from lookout_console.actions.desk import Actor
from lookout_console.domain.roles import Permission, Role, allowed
from lookout_console.web.fields import Fields, fields_of
from lookout_console.web.refusals import form_not_ours, not_permitted, not_signed_in

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
SESSION_COOKIE: Final = "lookout_session"
DOOR_COOKIE: Final = "lookout_door"
"""Held by a browser in which nobody is signed in, so that the sign-in form too is bound to one browser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is calling. ``cookie`` is the session's, empty where a token was shown."""

    account: Account
    roles: frozenset[Role]
    cookie: str

    @property
    def actor(self) -> Actor:
        """Who acts, as the actions know people."""
        return Actor(account_id=self.account.account_id, shown=self.account.shown, roles=self.roles)

    def may(self, permission: Permission) -> bool:
        """Whether one of the caller's roles includes the permission."""
        return allowed(self.roles, permission)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How callers are recognised, and how cookies are given."""

    register: Register
    credentials: Credentials
    tls: bool

    def caller(self, request: Request, *, touch: bool = True) -> Caller | None:
        """Who is calling; None where nobody is signed in. Reads the store."""
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme:
            return self._bearer(request, scheme, secret)
        cookie = request.cookies.get(self.cookie_name(SESSION_COOKIE), "")
        if not cookie:
            return None
        session = self.credentials.session(cookie, touch=touch)
        if session is None:
            return None
        return Caller(account=session.account, roles=_known(session.account.roles), cookie=cookie)

    def _bearer(self, request: Request, scheme: str, secret: str) -> Caller | None:
        # Tokens open the API and nothing else: no page, no stream.
        if scheme.lower() != "bearer" or not request.url.path.startswith("/api/"):
            return None
        token = self.credentials.token(secret.strip())
        account = None if token is None else self.register.get(token.made_by)
        if token is None or account is None:
            return None
        return Caller(account=account, roles=_known(frozenset({token.role})), cookie="")

    def cookie_name(self, name: str) -> str:
        """With TLS, a name that browsers accept only over it and only for this host."""
        return f"__Host-{name}" if self.tls else name

    def give(self, response: Response, name: str, value: str) -> None:
        """Set a cookie that scripts cannot read and other sites cannot send."""
        response.set_cookie(
            self.cookie_name(name), value, httponly=True, samesite="strict", secure=self.tls
        )

    def take(self, response: Response, name: str) -> None:
        """Have the browser forget a cookie."""
        response.delete_cookie(
            self.cookie_name(name), httponly=True, samesite="strict", secure=self.tls
        )

    def knock(self, request: Request) -> str:
        """The cookie of a browser without a session: the one it has, or a new one to be given to it."""
        return request.cookies.get(self.cookie_name(DOOR_COOKIE), "") or secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Guard:
    """The first thing of every route: who calls is known and holds the permission, before anything sent is read."""

    permission: Permission
    touch: bool = True

    def __call__(self, request: Request) -> Caller:
        """The caller.

        Raises:
            Refusal: nobody is signed in, or no role of theirs includes the permission.
        """
        door: Door = request.app.state.office.door
        caller = door.caller(request, touch=self.touch)
        if caller is None:
            raise not_signed_in()
        if not caller.may(self.permission):
            raise not_permitted()
        request.state.caller = caller
        return caller


@dataclass(frozen=True, slots=True)
class Open:
    """Of a route that needs no account; named so that none is open by being forgotten."""

    why: str

    def __call__(self) -> None:
        """Let pass."""


async def sent(request: Request) -> Fields:
    """What was sent, once it is known to come from a page of this console in this session.

    Raises:
        Refusal: it does not, or cannot be read.
    """
    _same_origin(request)
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is not None and not caller.cookie:
        return await fields_of(request)
    door: Door = request.app.state.office.door
    names = (SESSION_COOKIE,) if caller is not None else (SESSION_COOKIE, DOOR_COOKIE)
    cookies = [request.cookies.get(door.cookie_name(name), "") for name in names]
    fields = await fields_of(request)
    word = request.headers.get("x-csrf", "") or fields.maybe("csrf")
    if not any(cookie and _is(word, csrf_of(cookie)) for cookie in cookies):
        raise form_not_ours()
    return fields


def streamed(request: Request) -> None:
    """As `sent`, for a body that the route itself reads: the session's word is in the header ``X-CSRF``.

    Raises:
        Refusal: it is not.
    """
    _same_origin(request)
    caller: Caller = request.state.caller
    if not caller.cookie:
        return
    if not _is(request.headers.get("x-csrf", ""), csrf_of(caller.cookie)):
        raise form_not_ours()


def _is(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode(), wanted.encode())


def _same_origin(request: Request) -> None:
    """Refuse what a browser says another site sent; programs that are no browsers say nothing of it."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        raise form_not_ours()
    # Our pages send no referrer, so their forms' origin is "null"; where that is said, the site must be, too.
    if origin == "null" and site is None:
        raise form_not_ours()
    if origin not in (None, "null") and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise form_not_ours()


def _known(roles: frozenset[str]) -> frozenset[Role]:
    return frozenset(role for role in Role if role.value in roles)

"""The door: signing in by password, by one-time link and through the provider; signing out."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from lookout_console.accounts.credentials import csrf_of
from lookout_console.accounts.oidc import Attempt, ProviderError
from lookout_console.accounts.values import Account, SignInRefusedError
from lookout_console.web.callers import DOOR_COOKIE, SESSION_COOKIE, Open, sent
from lookout_console.web.fields import Fields
from lookout_console.web.office import Office, office_of
from lookout_console.web.refusals import not_found
from lookout_console.web.rendering import THEME_COOKIE, THEMES, go

router: Final = APIRouter(dependencies=[Depends(Open("who signs in has no account yet"))])
_ATTEMPT_COOKIE: Final = "lookout_attempt"
_ATTEMPT_S: Final = 600

Sent = Annotated[Fields, Depends(sent)]


@router.get("/sign-in")
def sign_in_page(request: Request) -> Response:
    """The form, bound to this browser."""
    return _door(request, refused="")


@router.post("/sign-in")
def sign_in(request: Request, fields: Sent) -> Response:
    """Name and password."""
    office = office_of(request)
    if not office.local_accounts:
        raise not_found("way to sign in")
    try:
        account = office.register.sign_in(
            fields.text("name", most=120), fields.text("password", most=256)
        )
    except SignInRefusedError as refused:
        return _door(request, refused=str(refused))
    return _signed_in(office, account, go("/"))


@router.get("/sign-in/link/{link}")
def link_page(request: Request, link: str) -> Response:
    """A one-time link opened: signing in takes a press, so that whatever fetches links ahead does not use it up."""
    office = office_of(request)
    cookie = office.door.knock(request)
    facts = {"csrf": csrf_of(cookie), "link": link}
    response = office.pages.bare(request, "sign_in_link.html", facts)
    office.door.give(response, DOOR_COOKIE, cookie)
    return response


@router.post("/sign-in/link")
def use_link(request: Request, fields: Sent) -> Response:
    """The press."""
    office = office_of(request)
    try:
        account = office.credentials.use_link(fields.text("link", most=200))
    except SignInRefusedError:
        return _door(
            request, refused="This link was used already, or is too old: ask for a new one."
        )
    return _signed_in(office, account, go("/"))


@router.get("/sign-in/provider")
def to_provider(request: Request) -> Response:
    """Off to the identity provider."""
    office = office_of(request)
    if office.provider is None:
        raise not_found("way to sign in")
    try:
        url, attempt = office.provider.begin()
    except ProviderError as error:
        return _door(request, refused=f"{error}. Try again in a minute.")
    response = RedirectResponse(url, status_code=303)
    # Lax, since the way back is a navigation that begins at the provider; a few minutes, and for this path only.
    response.set_cookie(
        _ATTEMPT_COOKIE,
        f"{attempt.state}.{attempt.nonce}.{attempt.verifier}",
        max_age=_ATTEMPT_S,
        path="/sign-in/provider",
        httponly=True,
        samesite="lax",
        secure=office.door.tls,
    )
    return response


@router.get("/sign-in/provider/back")
def from_provider(request: Request, state: str = "") -> Response:
    """Back from the identity provider."""
    office = office_of(request)
    attempt = _attempt(request.cookies.get(_ATTEMPT_COOKIE, ""))
    if office.provider is None or attempt is None:
        return _door(request, refused="This sign-in was begun in another browser: begin again.")
    try:
        vouched = office.provider.finish(answer_url=str(request.url), state=state, attempt=attempt)
        account = office.register.provided(
            issuer=vouched.issuer,
            subject=vouched.subject,
            name=vouched.name,
            shown=vouched.shown,
            roles=vouched.roles,
        )
    except (ProviderError, SignInRefusedError) as refused:
        said = (
            str(refused)
            if isinstance(refused, ProviderError)
            else "Your account has no role in this console, or is disabled here."
        )
        return _door(request, refused=said)
    response = office.pages.bare(request, "signed_in.html", {})
    response.delete_cookie(_ATTEMPT_COOKIE, path="/sign-in/provider")
    return _signed_in(office, account, response)


@router.post("/sign-out")
def sign_out(request: Request, fields: Sent) -> Response:
    """The end of the session, here and in the store; the browser forgets what it holds."""
    del fields
    office = office_of(request)
    cookie = request.cookies.get(office.door.cookie_name(SESSION_COOKIE), "")
    office.credentials.end_session(cookie)
    response = go("/sign-in")
    office.door.take(response, SESSION_COOKIE)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@router.post("/theme")
def theme(request: Request, fields: Sent) -> Response:
    """Dark or light, kept by the browser."""
    chosen = fields.text("theme", most=10)
    back = fields.maybe("back", most=500)
    here = back.startswith("/") and not back.startswith(("//", "/\\"))
    response = go(back if here else "/")
    if chosen in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            chosen,
            max_age=31_536_000,
            httponly=True,
            samesite="strict",
            secure=office_of(request).door.tls,
        )
    return response


def _door(request: Request, *, refused: str) -> Response:
    office = office_of(request)
    cookie = office.door.knock(request)
    facts = {
        "csrf": csrf_of(cookie),
        "refused": refused,
        "local": office.local_accounts,
        "provider": office.provider_name,
    }
    status = HTTPStatus.UNAUTHORIZED if refused else HTTPStatus.OK
    response = office.pages.bare(request, "sign_in.html", facts, status)
    office.door.give(response, DOOR_COOKIE, cookie)
    return response


def _signed_in(office: Office, account: Account, response: Response) -> Response:
    office.door.give(response, SESSION_COOKIE, office.credentials.start_session(account.account_id))
    office.door.take(response, DOOR_COOKIE)
    return response


def _attempt(kept: str) -> Attempt | None:
    # Three random words of base64url's letters, which hold no dot.
    words = kept.split(".")
    if len(words) != 3 or not all(words):
        return None
    return Attempt(state=words[0], nonce=words[1], verifier=words[2])

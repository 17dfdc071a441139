"""The audit and accounts by the API, and its own description."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from lookout_console.domain.roles import Permission, Role
from lookout_console.web.api import alerts, deployments, passes
from lookout_console.web.api.shape import PREFIX, said, takes
from lookout_console.web.callers import Caller, Guard
from lookout_console.web.office import office_of
from lookout_console.web.pages.frame import Sent
from lookout_console.web.pages.keeping import Before, make_account

router: Final = APIRouter(prefix=PREFIX)


@router.get("/audit")
def audit(
    request: Request,
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_AUDIT))],
    before: Before = None,
) -> Response:
    """A hundred entries, the newest first."""
    desk = office_of(request).desk
    with desk.store.transaction() as connection:
        desk.record(connection, caller.actor, "audit.view", "audit")
    return said({"entries": desk.audit.page(before=before)})


@router.get("/accounts")
def accounts(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.KEEP_ACCOUNTS))]
) -> Response:
    """Everybody who may sign in."""
    del caller
    return said({"accounts": office_of(request).register.all()})


@router.post(
    "/accounts",
    status_code=201,
    openapi_extra=takes(
        name="Sign-in name", shown="Read by others", roles=Role, password_="", reason="Why"
    ),
)
def add_account(
    request: Request,
    caller: Annotated[Caller, Depends(Guard(Permission.KEEP_ACCOUNTS))],
    fields: Sent,
) -> Response:
    """A new account."""
    return said(make_account(office_of(request), caller, fields), 201)


@router.post("/accounts/{account_id}/link", status_code=201, openapi_extra=takes(reason="Why"))
def make_link(
    request: Request,
    account_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.KEEP_ACCOUNTS))],
    fields: Sent,
) -> Response:
    """A link that signs its account in once, within 15 minutes, to hand over."""
    office = office_of(request)
    secret = office.credentials.make_link(
        account_id, by=caller.account.account_id, reason=fields.text("reason", most=400)
    )
    return said({"link": f"{request.base_url}sign-in/link/{secret}"}, 201)


@router.get("/openapi.json")
def description(
    caller: Annotated[Caller, Depends(Guard(Permission.KEEP_TOKENS))],
) -> Response:
    """This description, in OpenAPI 3.1."""
    del caller
    found = get_openapi(
        title="Lookout console",
        version="1",
        routes=[route for one in (deployments, alerts, passes) for route in one.router.routes]
        + list(router.routes),
        description="Everything that the pages do. Send “Authorization: Bearer TOKEN”; make tokens on the page /tokens.",
    )
    found.setdefault("components", {})["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"}
    }
    found["security"] = [{"token": []}]
    return JSONResponse(found)

"""A deployment's watchlist: import with a verdict per row, freeze, withdraw."""

import threading
from typing import Annotated, Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from lookout_console.actions.watchlists import LARGEST_FILE, Entry, Overview
from lookout_console.domain.roles import Permission
from lookout_console.domain.watchlists import COLUMNS
from lookout_console.web.callers import Caller, Guard, streamed
from lookout_console.web.office import Office, office_of
from lookout_console.web.pages.frame import Sent, page
from lookout_console.web.presenting import progress_of
from lookout_console.web.refusals import bad_input
from lookout_console.web.rendering import go
from lookout_console.web.telling import WATCHLIST
from lookout_console.web.words import CATEGORY, plain

router: Final = APIRouter()
Composes = Annotated[Caller, Depends(Guard(Permission.COMPOSE_WATCHLIST))]
_RESPONSE_TAG: Final = {"red": "bad", "amber": "warn", "green": "good"}


@router.get("/deployments/{deployment_id}/watchlist")
def watchlist_page(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_WATCHLIST))],
) -> Response:
    """Who is on the list, and how it stands."""
    office = office_of(request)
    known = office.deployments.get(deployment_id)
    found = office.watchlists.overview(deployment_id)
    facts = {
        "deployment_id": deployment_id,
        "deployment_title": known.plan.title,
        "list": _list(found),
        "entries": [_entry(one) for one in office.watchlists.entries(caller.actor, deployment_id)],
        "imports": [progress_of(job) for job in office.watchlists.jobs(deployment_id)],
        "columns": COLUMNS,
        "stream": WATCHLIST,
    }
    return page(request, caller, "watchlist.html", facts)


def _list(found: Overview) -> dict[str, Any]:
    frozen = bool(found.frozen_hash) and found.frozen_hash == found.hash_now
    signed = frozen and found.signed_hash == found.frozen_hash
    return {
        "count": found.count,
        "blue": found.blue,
        "frozen": frozen,
        "standing": "Frozen and signed" if signed else "Frozen" if frozen else "Not frozen",
        "hash": found.frozen_hash if frozen else "",
        "difference": f"{found.added} new, {found.dropped} no longer, {found.kept} as before",
        "extra": f"{found.needing_authority} under 18 or vulnerable, each with its own authority"
        if found.needing_authority
        else "nobody needs it",
        "collisions": [f"{first} and {second}" for first, second in found.collisions],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    said = entry.said
    notes = [
        *(["blue list"] if entry.blue else []),
        *(["extra authority"] if entry.needs_authority else []),
        *([said.reason] if said else []),
    ]
    return {
        "entry_id": entry.entry_id,
        "reference": entry.reference,
        "name": said.name if said else "",
        "category": CATEGORY[entry.category],
        "response": entry.response,
        "response_word": plain(entry.response),
        "kind": _RESPONSE_TAG[entry.response],
        "picture": f"{said.image_source}, {said.image_date:%d %b %Y}" if said else "",
        "notes": "; ".join(notes),
        "in_force": entry.withdrawn_at is None,
    }


@router.post("/deployments/{deployment_id}/watchlist/import")
async def import_file(
    request: Request,
    deployment_id: str,
    caller: Composes,
    _: Annotated[None, Depends(streamed)],
) -> Response:
    """A zip, streamed into memory and nowhere else; its rows are judged beside this request."""
    office = office_of(request)
    archive = await body_of(request)
    given = unquote(request.headers.get("x-file-name", "import.zip"))
    name = "".join(letter for letter in given if letter.isprintable())[:120] or "import.zip"
    import_id = await run_in_threadpool(
        office.watchlists.begin_import, caller.actor, deployment_id, name, archive
    )
    run_beside(office, import_id, archive)
    return JSONResponse({"import_id": import_id}, status_code=202)


async def body_of(request: Request) -> bytes:
    """An uploaded file, of at most what an import may be.

    Raises:
        Refusal: it is larger.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_FILE:
            raise bad_input(f"A file is at most {LARGEST_FILE // 1024 // 1024} MiB.")
        parts.append(part)
    return b"".join(parts)


def run_beside(office: Office, import_id: str, archive: bytes) -> None:
    """Judge an import's rows in a thread of its own."""
    work = threading.Thread(
        target=office.watchlists.run_import,
        args=(import_id, archive),
        name=f"import-{import_id[:8]}",
        daemon=True,
    )
    work.start()


@router.post("/deployments/{deployment_id}/watchlist/freeze")
def freeze(request: Request, deployment_id: str, caller: Composes, fields: Sent) -> Response:
    """Fix the composition."""
    del fields
    office_of(request).watchlists.freeze(caller.actor, deployment_id)
    return go(f"/deployments/{deployment_id}/watchlist")


@router.post("/deployments/{deployment_id}/watchlist/{entry_id}/withdraw")
def withdraw(
    request: Request,
    deployment_id: str,
    entry_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.WITHDRAW_ENTRY))],
    fields: Sent,
) -> Response:
    """Take a person off the list."""
    reason = fields.text("reason", most=400)
    office_of(request).watchlists.withdraw(caller.actor, deployment_id, entry_id, reason)
    return go(f"/deployments/{deployment_id}/watchlist")

"""Deployments: the list, a draft, the steps, the public notice, the record."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from lookout_console.actions.deployments import Known
from lookout_console.actions.records import Record, as_csv
from lookout_console.domain.deployments import WAYS, Plan, Stage, Step, UseCase
from lookout_console.domain.retention import EvidenceKept
from lookout_console.domain.roles import Permission
from lookout_console.web.callers import Caller, Guard
from lookout_console.web.fields import Fields
from lookout_console.web.office import Office, office_of
from lookout_console.web.pages.frame import Sent, page
from lookout_console.web.refusals import bad_input, not_found
from lookout_console.web.rendering import go
from lookout_console.web.words import STAGE, USE_CASE, plain

router: Final = APIRouter()
_TAG: Final = {
    Stage.LIVE: "good",
    Stage.AUTHORISED: "good",
    Stage.STOPPED: "warn",
    Stage.APPLIED: "warn",
    Stage.CANCELLED: "bad",
}
_WAY: Final = (
    Stage.DRAFT,
    Stage.APPLIED,
    Stage.AUTHORISED,
    Stage.LIVE,
    Stage.ENDED,
    Stage.REVIEWED,
    Stage.PURGED,
)
_WORDS: Final = {
    Step.APPLY: ("Apply for authority", "Why it is necessary and proportionate"),
    Step.AUTHORISE: ("Authorise", "The authority: who, where and why, in your words"),
    Step.REFUSE: ("Refuse, and purge everything tied to it", "Reason"),
    Step.GO_LIVE: ("Go live", "Reason"),
    Step.STOP: ("STOP", "Reason"),
    Step.END: ("End", "Reason"),
    Step.CANCEL: ("Cancel", "Reason"),
    Step.WITHDRAW_AUTHORITY: ("Withdraw the authority: stop, and purge everything", "Reason"),
    Step.REVIEW: ("Sign the review", "The review: what was learned"),
    Step.PURGE: ("Purge people and pictures", "Reason"),
}
_REASON: Final = 2000


@router.get("/deployments")
def deployments_page(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.SEE_DEPLOYMENTS))]
) -> Response:
    """Every deployment."""
    found = [
        {
            "deployment_id": known.deployment_id,
            "title": known.plan.title,
            "window": window(known),
            "use_case": USE_CASE[known.plan.use_case],
            "state": STAGE[known.stage],
            "kind": _TAG.get(known.stage, ""),
        }
        for known in office_of(request).deployments.all()
    ]
    return page(request, caller, "deployments.html", {"deployments": found})


@router.get("/deployments/new")
def draft_page(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.APPLY))]
) -> Response:
    """The form of a draft."""
    cases = [(str(case), words, "") for case, words in USE_CASE.items()]
    return page(request, caller, "deployment_new.html", {"use_cases": cases})


@router.post("/deployments")
def draft(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.APPLY))], fields: Sent
) -> Response:
    """A new draft."""
    deployment_id = office_of(request).deployments.draft(caller.actor, plan_of(fields))
    return go(f"/deployments/{deployment_id}")


@router.get("/deployments/{deployment_id}")
def deployment_page(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_DEPLOYMENTS))],
) -> Response:
    """One deployment: what is applied for, where it stands, what this person may do next."""
    office = office_of(request)
    known = office.deployments.get(deployment_id)
    facts = {
        "known": _facts(known),
        "way": _way(known.stage),
        "steps": _offered(known, caller),
        "drafted": office.records.drafted(deployment_id) if known.stage is Stage.ENDED else "",
        "extends": known.stage in WAYS[Step.EXTEND].origins
        and caller.may(WAYS[Step.EXTEND].permission),
        "taken": [
            {
                "at": f"{one.at:%d %b %H:%M:%S}",
                "who": office.shown(one.by),
                "words": f"{plain(one.step)}: {one.reason}" if one.reason else plain(one.step),
            }
            for one in office.deployments.taken(deployment_id)
        ],
        "list": office.watchlists.overview(deployment_id),
    }
    return page(request, caller, "deployment.html", facts)


def _offered(known: Known, caller: Caller) -> list[dict[str, str]]:
    return [
        {
            "step": step,
            "words": _WORDS[step][0],
            "label": _WORDS[step][1],
            "kind": "stop" if step is Step.STOP else "",
        }
        for step, way in WAYS.items()
        if step in _WORDS and known.stage in way.origins and caller.may(way.permission)
    ]


def _way(stage: Stage) -> list[dict[str, str]]:
    shown = [*_WAY]
    if stage is Stage.STOPPED:
        shown[shown.index(Stage.LIVE)] = Stage.STOPPED
    if stage is Stage.CANCELLED:
        shown = [Stage.DRAFT, Stage.CANCELLED, Stage.PURGED]
    now = shown.index(stage)
    return [
        {
            "words": STAGE[one],
            "is": "now" if index == now else "past" if index < now else "ahead",
        }
        for index, one in enumerate(shown)
    ]


def _facts(known: Known) -> dict[str, Any]:
    plan = known.plan
    return {
        "deployment_id": known.deployment_id,
        "title": plan.title,
        "location": plan.location,
        "use_case": USE_CASE[plan.use_case],
        "rationale": plan.rationale,
        "window": window(known),
        "cameras": ", ".join(plan.cameras),
        "verifiers": plan.verifiers,
        "fpir": f"1 in {round(1 / plan.target_fpir):,}",
        "authority": known.authority,
        "review": known.review,
        "stage": known.stage,
    }


def _step_route(step: Step) -> None:
    """One route for each step, each with the step's own permission."""
    guard = Guard(WAYS[step].permission)

    def take(
        request: Request,
        deployment_id: str,
        caller: Annotated[Caller, Depends(guard)],
        fields: Sent,
    ) -> Response:
        office_of(request).deployments.step(
            caller.actor, deployment_id, step, fields.text("reason", most=_REASON)
        )
        if step is Step.STOP:
            return go("/")
        return go(f"/deployments/{deployment_id}")

    take.__name__ = f"step_{step}"
    take.__doc__ = f"{_WORDS[step][0]}."
    router.add_api_route(
        f"/deployments/{{deployment_id}}/{step.replace('_', '-')}", take, methods=["POST"]
    )


for _step in _WORDS:
    _step_route(_step)


@router.post("/deployments/{deployment_id}/extend")
def extend(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.APPLY))],
    fields: Sent,
) -> Response:
    """Apply for a longer window."""
    until = moment(fields, "closes_at")
    reason = fields.text("reason", most=_REASON)
    office_of(request).deployments.extend(caller.actor, deployment_id, until, reason)
    return go(f"/deployments/{deployment_id}")


@router.get("/deployments/{deployment_id}/notice")
def notice(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_DEPLOYMENTS))],
) -> Response:
    """The notice for the public: a page to print, or to put on a site."""
    known = office_of(request).deployments.get(deployment_id)
    return page(request, caller, "notice.html", {"known": _facts(known)})


@router.get("/deployments/{deployment_id}/record")
def record_page(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_RECORD))],
) -> Response:
    """The deployment record as it stands."""
    record = office_of(request).records.record(deployment_id)
    certificate = office_of(request).retention.certificate(deployment_id)
    facts = {
        "record": record,
        "base": f"/deployments/{deployment_id}",
        "passes": f"/deployments/{deployment_id}/passes",
        "certificate": certificate,
    }
    return page(request, caller, "record.html", facts)


@router.get("/deployments/{deployment_id}/record.{form}")
def export(
    request: Request,
    deployment_id: str,
    form: str,
    caller: Annotated[Caller, Depends(Guard(Permission.EXPORT_RECORD))],
) -> Response:
    """The record as a file: csv, html or pdf."""
    office = office_of(request)
    _check_form(form)
    record = office.records.export(caller.actor, deployment_id, form)
    return _file(office, record, form, f"deployment-{deployment_id}")


@router.get("/records")
def records_page(
    request: Request,
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_RECORD))],
    year: int = 0,
) -> Response:
    """The roll-up of a year."""
    office = office_of(request)
    wanted = year or office.now().year
    facts = {
        "record": office.records.year(wanted),
        "base": f"/records/{wanted}",
        "passes": "",
        "certificate": None,
    }
    return page(request, caller, "record.html", facts)


@router.get("/records/{year}/record.{form}")
def export_year(
    request: Request,
    year: int,
    form: str,
    caller: Annotated[Caller, Depends(Guard(Permission.EXPORT_RECORD))],
) -> Response:
    """The roll-up of a year as a file."""
    office = office_of(request)
    _check_form(form)
    record = office.records.export_year(caller.actor, year, form)
    return _file(office, record, form, f"deployments-{year}")


@router.get("/deployments/{deployment_id}/report")
def report(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_RECORD))],
) -> Response:
    """The report drafted from the log: of a cancellation, or for the review."""
    text = office_of(request).records.drafted(deployment_id)
    facts = {"lines": text.split("\n"), "base": f"/deployments/{deployment_id}"}
    return page(request, caller, "report.html", facts)


def _check_form(form: str) -> None:
    if form not in ("csv", "html", "pdf"):
        raise not_found("form of the record")


def _file(office: Office, record: Record, form: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    if form == "csv":
        return Response(as_csv(record), media_type="text/csv; charset=utf-8", headers=headers)
    if form == "html":
        html = office.pages.html("record_export.html", {"record": record, "theme": "light"})
        return HTMLResponse(html, headers=headers)
    # The PDF library takes a while to load, and few ask for it.
    from lookout_console.web.pdf import as_pdf  # noqa: PLC0415

    return Response(as_pdf(record), media_type="application/pdf", headers=headers)


def plan_of(fields: Fields) -> Plan:
    """What is applied for, out of a form or JSON."""
    cameras = tuple(
        name.strip() for text in fields.many("cameras") for name in text.split(",") if name.strip()
    )
    return Plan(
        title=fields.text("title", most=120),
        use_case=fields.one_of("use_case", UseCase),
        location=fields.text("location", most=200),
        rationale=fields.text("rationale"),
        opens_at=moment(fields, "opens_at"),
        closes_at=moment(fields, "closes_at"),
        cameras=cameras,
        target_fpir=1 / max(fields.whole("faces_per_false_alert", default=10_000), 1),
        verifiers=fields.whole("verifiers", default=2),
        evidence_kept=fields.maybe_one_of("evidence_kept", EvidenceKept) or EvidenceKept.DAYS_31,
    )


def moment(fields: Fields, name: str) -> datetime:
    """A time; UTC where it names no other zone."""
    try:
        found = datetime.fromisoformat(fields.text(name, most=40))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_input(f"“{name.replace('_', ' ')}” is a time such as 2026-11-27T09:00.") from None


def window(known: Known) -> str:
    """The authorised window in words."""
    return f"{known.plan.opens_at:%d %b %Y %H:%M} to {known.plan.closes_at:%d %b %H:%M} UTC"

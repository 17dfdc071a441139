"""A demonstration's deployment, opened as any other: drafted, its list imported and frozen, applied for, authorised, live."""

import csv
import io
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from lookout.enrolment.source import Row
from lookout.events import Response
from lookout_console.domain.roles import Role

from lookout_cli.control import ControlError
from lookout_cli.demo.officers import Officers
from lookout_cli.stack.folder import StackError

_DURATION: Final = timedelta(hours=1)
_IMPORTED_WITHIN_S: Final = 300.0
_LOOK_S: Final = 0.1
_WORD: Final = "demonstration"
_NOBODY: Final = "nobody could be enrolled: the reasons are above"
_COLUMNS: Final = (
    "reference",
    "name",
    "picture",
    "category",
    "response",
    "reason",
    "legal_basis",
    "image_source",
    "image_date",
    "requested_by",
    "contact",
)

Say = Callable[[str], None]


def open_deployment(
    officers: Officers,
    rows: Sequence[Row],
    cameras: Sequence[str],
    *,
    target_fpir: float,
    say: Say,
) -> str:
    """Put a deployment over ``rows`` into force, each step by whoever's it is; the deployment's id.

    Raises:
        ControlError: nobody could be enrolled, or the console refuses a step, and says why.
        StackError: the console does not answer, or takes too long.
    """
    now = datetime.now(UTC)
    deployment_id: str = officers[Role.COMMANDER].do(
        "/deployments",
        title="Demonstration",
        use_case="hotspot",
        location="This machine",
        rationale="To show on this machine what becomes of everybody who passes a camera.",
        opens_at=now.isoformat(),
        closes_at=(now + _DURATION).isoformat(),
        cameras=list(cameras),
        faces_per_false_alert=str(round(1 / target_fpir)),
    )["deployment_id"]
    path = f"/deployments/{deployment_id}"
    _import(officers, path, rows, say)
    officers[Role.WATCHLIST_OFFICER].do(f"{path}/watchlist/freeze")
    officers[Role.COMMANDER].do(f"{path}/apply", reason=_WORD)
    officers[Role.AUTHORISING_OFFICER].do(f"{path}/authorise", reason=_WORD)
    officers[Role.COMMANDER].do(f"{path}/go-live", reason=_WORD)
    return deployment_id


def _import(officers: Officers, path: str, rows: Sequence[Row], say: Say) -> None:
    officer = officers[Role.WATCHLIST_OFFICER]
    archive = archive_of(
        rows, lambda row, why: say(f"enrol {row.reference or row.place}: refused ({why})")
    )
    import_id = officer.hand_in(f"{path}/watchlist/import", archive)["import_id"]
    deadline = time.monotonic() + _IMPORTED_WITHIN_S
    while not (job := officer.read(f"/imports/{import_id}"))["ended"]:
        if time.monotonic() > deadline:
            raise StackError("the console has not judged the pictures in time: see its log")
        time.sleep(_LOOK_S)
    for verdict in reversed(job["verdicts"]):
        why = f" ({verdict['why']})" if verdict["why"] else ""
        say(f"enrol {verdict['reference']}: {verdict['outcome']}{why}")
    if job["trouble"] or not _enrolled(job):
        raise ControlError(job["trouble"] or _NOBODY)


def _enrolled(job: Any) -> int:
    return int(job["counts"]["accepted"] + job["counts"]["warning"])


def archive_of(rows: Sequence[Row], refused: Callable[[Row, str], None]) -> bytes:
    """The zip that the console imports: a table, and the pictures as they are. What a demonstration does not know is said so.

    Raises:
        ControlError: no row can be used; ``refused`` was told of each, and why.
    """
    today = datetime.now(UTC).date()
    table, out = io.StringIO(), io.BytesIO()
    writer = csv.DictWriter(table, fieldnames=_COLUMNS)
    writer.writeheader()
    used: set[str] = set()
    with zipfile.ZipFile(out, "w") as archive:
        for row in rows:
            picture = f"{len(used)}{row.image.suffix.lower()}"
            if row.problem or row.reference in used:
                refused(row, row.problem or "a list at the console has one picture of a person")
                continue
            try:
                archive.writestr(picture, row.image.read_bytes())
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else "no file has such a name"
                refused(row, f"cannot be read: {why}")
                continue
            writer.writerow(_columns(row, picture, today))
            used.add(row.reference)
        archive.writestr("people.csv", table.getvalue())
    if not used:
        raise ControlError(_NOBODY)
    return out.getvalue()


def _columns(row: Row, picture: str, today: date) -> Mapping[str, str]:
    # Whoever is called at once is required for red, and nobody is on call for a demonstration.
    contact = "nobody: a demonstration" if row.response is Response.RED else ""
    return {
        "reference": row.reference,
        "name": row.name or "not named",
        "picture": picture,
        "category": str(row.category),
        "response": str(row.response),
        "reason": row.reason or _WORD,
        "legal_basis": _WORD,
        "image_source": _WORD,
        "image_date": str(row.image_date or today),
        "requested_by": _WORD,
        "contact": contact,
    }

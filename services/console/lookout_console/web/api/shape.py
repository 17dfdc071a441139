"""How the API says things: bodies described, frozen values as JSON."""

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from starlette.responses import JSONResponse, Response

PREFIX: Final = "/api/v1"


def takes(**fields: str | type[StrEnum]) -> dict[str, Any]:
    """The description of a JSON body: texts with what they mean, or closed lists. A name ending in ``_`` may be left out."""
    properties: dict[str, Any] = {}
    for name, what in fields.items():
        kind: dict[str, Any] = {"type": "string"}
        if isinstance(what, str):
            kind["description"] = what
        else:
            kind["enum"] = [member.value for member in what]
        properties[name.rstrip("_")] = kind
    required = [name for name in fields if not name.endswith("_")]
    schema = {"type": "object", "properties": properties, "required": required}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def plainly(value: Any) -> Any:
    """Frozen values as JSON: times in ISO 8601, bytes never."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plainly(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(name): plainly(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plainly(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        raise TypeError("bytes have no place in an answer of the API")
    return value


def said(value: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    return JSONResponse(plainly(value), status_code=status)

"""What is said when something is not done: one shape for pages and for the API, and never more than the caller may know."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

NOT_SIGNED_IN: Final = "not_signed_in"
NOT_PERMITTED: Final = "not_permitted"
FORM_NOT_OURS: Final = "form_not_ours"


@dataclass(slots=True)
class Refusal(Exception):  # noqa: N818 - it is what the person is told, and is called so on the page
    """An answer instead of the one that was asked for.

    ``code`` is for programs and stays the same; ``detail`` says what is wrong and what to do.
    """

    status: HTTPStatus
    code: str
    detail: str

    def __str__(self) -> str:
        return self.detail


def not_signed_in() -> Refusal:
    """Nobody is signed in, or no longer."""
    return Refusal(
        HTTPStatus.UNAUTHORIZED,
        NOT_SIGNED_IN,
        "You are not signed in, or no longer: sign in again.",
    )


def not_permitted() -> Refusal:
    """Signed in, and not in a role that may do this."""
    return Refusal(
        HTTPStatus.FORBIDDEN,
        NOT_PERMITTED,
        "Your role does not include this. Somebody who holds the role must do it.",
    )


def form_not_ours() -> Refusal:
    """A form that this console did not hand to this browser in this session."""
    return Refusal(
        HTTPStatus.FORBIDDEN,
        FORM_NOT_OURS,
        "This form is from another session or another site. Open the page again and repeat.",
    )


def bad_input(detail: str) -> Refusal:
    """What was sent cannot be used."""
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_input", detail)


def not_found(what: str) -> Refusal:
    """There is nothing under this address, or it is gone for good."""
    return Refusal(HTTPStatus.NOT_FOUND, "not_found", f"There is no such {what}, or no longer.")


TITLES: Final = {
    NOT_SIGNED_IN: "Not signed in",
    NOT_PERMITTED: "Not for this role",
    FORM_NOT_OURS: "This form cannot be used",
    "bad_input": "Something is missing",
    "not_found": "Not here",
    "conflict": "Somebody was first",
    "fault": "This should not happen",
    "wrong_state": "Not now, or no longer",
    "not_allowed": "Not for you",
    "unavailable": "Not done: the store cannot be reached",
}

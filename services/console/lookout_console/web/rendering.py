"""Templates into pages. Everything that is put into one is escaped; what is missing is an error, never an empty space."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

STATIC: Final = Path(__file__).parent / "static"
THEME_COOKIE: Final = "lookout_theme"
THEMES: Final = ("dark", "light")


class Pages:
    """The console's templates, loaded once."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("lookout_console.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            # They are part of the installed package: nobody changes them while it runs.
            auto_reload=False,
        )

    def html(self, template: str, facts: Mapping[str, Any]) -> str:
        """A whole template as text."""
        return self._environment.get_template(template).render(facts)

    def macro(self, template: str, name: str, *arguments: Any) -> Markup:
        """One macro of a template: a piece of a page, for the stream."""
        module = self._environment.get_template(template).module
        return Markup(getattr(module, name)(*arguments))  # noqa: S704 - made by an escaping template

    def bare(
        self, request: Request, template: str, facts: Mapping[str, Any], status: int = 200
    ) -> HTMLResponse:
        """A page outside the frame: signing in, refusals, the handset's shell."""
        page = self.html(template, {"theme": theme_of(request), **facts})
        return HTMLResponse(page, status_code=int(status))


def theme_of(request: Request) -> str:
    """Dark unless light was chosen: vans are dark."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else THEMES[0]


def go(where: str) -> Response:
    """Send the browser to a page with GET, after a form was done."""
    return RedirectResponse(where, status_code=303)

"""A real Chromium, and people before it: each in a browser context of their own."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from lookout_console.actions.desk import Actor
from lookout_console.web.callers import SESSION_COOKIE
from lookout_console.web.rendering import THEME_COOKIE
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from support.console_world import PASSWORD
from support.served_console import Served

LARGEST_PICTURE: Final = 300 * 1024
SMALLEST_TARGET: Final = 44
"""CSS pixels; WCAG 2.2 AA asks for 24, an officer with gloves for more."""
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_PATIENCE_MS: Final = 15_000
_SMALL_TARGETS: Final = """(smallest) => [...document.querySelectorAll(
  "a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .map((one) => one.closest("label") ?? one)
  .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest(".skip"))
  // A link inside a sentence is as high as its line (WCAG 2.5.8, exception "inline").
  .filter((one) => !(one.tagName === "A" && getComputedStyle(one).display === "inline"))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.width < smallest - 0.5 || box.height < smallest - 0.5)
  .map(([one, box]) => `${Math.round(box.width)}x${Math.round(box.height)}: ${one.outerHTML.slice(0, 120)}`)"""
_OVERFLOW: Final = (
    "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
)


def find_chromium() -> str | None:
    """Debian's Chromium, where it is installed."""
    return shutil.which("chromium")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser until the block ends.

    Not for a whole run of tests: while it is open its thread has a running event loop, which `asyncio.run` refuses.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            # As root in a container Chromium's own sandbox cannot start.
            args=["--no-sandbox", "--force-color-profile=srgb", "--mute-audio"],
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass(kw_only=True)
class Visitors:
    """Opens pages for people, and keeps what their browsers complain of."""

    browser: Browser
    served: Served
    troubles: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def nobody(
        self, *, width: int = 1440, height: int = 900, theme: str = "dark", **given: Any
    ) -> Page:
        """A browser in which nobody is signed in."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            base_url=self.served.base,
            locale="en-GB",
            **given,
        )
        self.contexts.append(context)
        context.add_cookies([{"name": THEME_COOKIE, "value": theme, "url": self.served.base}])
        page = context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", self._heard)
        return page

    def handset(self, actor: Actor, **given: Any) -> Page:
        """A telephone of 390 by 844 pixels in which somebody is signed in."""
        return self.somebody(actor, width=390, height=844, has_touch=True, is_mobile=True, **given)

    def somebody(self, actor: Actor, **given: Any) -> Page:
        """A browser in which somebody is signed in."""
        page = self.nobody(**given)
        cookie = self.served.world.office.credentials.start_session(actor.account_id)
        page.context.add_cookies(
            [{"name": SESSION_COOKIE, "value": cookie, "url": self.served.base}]
        )
        return page

    def signs_in(self, actor: Actor, **given: Any) -> Page:
        """Somebody who signs in by the form."""
        account = self.served.world.office.register.get(actor.account_id)
        assert account is not None
        page = self.nobody(**given)
        page.goto("/sign-in")
        page.get_by_label("Name").fill(account.name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        return page

    def leave(self) -> None:
        """Close every browser context."""
        for context in self.contexts:
            context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        text = message.text
        if message.type == "error" and "Content Security Policy" in text:
            self.troubles.append(text)


def accessibility_faults(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA and its own best practice."""
    found = Axe().run(page, options={"runOnly": _RULES, "resultTypes": ["violations"]})
    return [
        f"{fault['id']}: {fault['help']}: {[node['html'][:160] for node in fault['nodes'][:3]]}"
        for fault in found.response["violations"]
    ]


def small_targets(page: Page) -> list[str]:
    """What is pressed and is smaller than a thumb in a glove."""
    found: list[str] = page.evaluate(_SMALL_TARGETS, SMALLEST_TARGET)
    return found


def overflow(page: Page) -> int:
    """How many pixels the page is wider than the window."""
    found: int = page.evaluate(_OVERFLOW)
    return found


def decide(page: Page, verdict: str, reason: str) -> None:
    """Fill in the form of a decision on an alert's page, and send it."""
    page.get_by_role("group", name="Is it the same person?").get_by_label(verdict).first.check()
    for group in ("The person", "The system", "The surroundings"):
        page.get_by_role("group", name=group).get_by_label("Nothing against").check()
    page.get_by_label("Reason, in words of your own").fill(reason)
    page.get_by_role("button", name="Record my decision").click()


def take_step(page: Page, words: str, reason: str) -> None:
    """On a deployment's page, open a step's form, give the reason, take it."""
    button = page.get_by_role("button", name=words, exact=True, include_hidden=True)
    form = page.locator("details").filter(has=button)
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    form.locator("textarea").fill(reason)
    form.get_by_role("button", name=words, exact=True).click()


@dataclass(frozen=True, kw_only=True)
class Screens:
    """Writes pictures of pages for the documentation, if asked to."""

    folder: Path | None

    def take(self, page: Page, name: str, *, full: bool = False) -> None:
        """A PNG of at most 300 KB: in true colours if it fits, else in 256."""
        if self.folder is None:
            return
        page.evaluate("document.fonts.ready")
        shot = page.screenshot(full_page=full, animations="disabled")
        image = Image.open(io.BytesIO(shot)).convert("RGB")
        path = self.folder / f"console-{name}.png"
        image.save(path, optimize=True)
        if path.stat().st_size > LARGEST_PICTURE:
            image.quantize(256, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)
        assert path.stat().st_size <= LARGEST_PICTURE, f"{path} has {path.stat().st_size} bytes"

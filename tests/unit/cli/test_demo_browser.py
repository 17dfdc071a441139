"""Which browser the demonstration opens: one with a window of its own, never one that takes the terminal."""

import webbrowser

import pytest
from lookout_cli.commands.demo import has_graphical_browser


@pytest.mark.parametrize(
    ("browser", "opens"),
    [
        (webbrowser.GenericBrowser("lynx"), False),
        (webbrowser.Elinks("elinks"), False),
        (webbrowser.Mozilla("firefox"), True),
        (webbrowser.BackgroundBrowser("xdg-open"), True),
    ],
)
def test_only_a_browser_with_a_window_is_opened(
    monkeypatch: pytest.MonkeyPatch, browser: webbrowser.BaseBrowser, *, opens: bool
) -> None:
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    assert has_graphical_browser() == opens


def test_without_any_browser_none_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> webbrowser.BaseBrowser:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    assert not has_graphical_browser()

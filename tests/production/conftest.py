"""`make verify-production`: what an operator wants shown before the system is trusted, each check by its own name.

These tests need more than the others (a container engine, Helm, Prometheus) or take longer, so `make test` leaves them out.
Each says what it counted or measured through `figures`; the run ends with all of them in one table.
"""

from collections.abc import Callable

import pytest

_FIGURES: list[tuple[str, str]] = []


@pytest.fixture(name="figures")
def figures_fixture() -> Callable[[str, object], None]:
    """``figures(name, value)`` puts a line into the table at the end of the run."""

    def tell(name: str, value: object) -> None:
        _FIGURES.append((name, str(value)))

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _FIGURES:
        return
    terminalreporter.section("what was verified")
    width = max(len(name) for name, _ in _FIGURES)
    for name, value in _FIGURES:
        terminalreporter.write_line(f"{name:<{width}}  {value}")

"""Inputs that nobody means, by the hundred in every run and by the hundred thousand on demand.

    pytest tests/fuzz --fuzz-examples 20000 -o timeout=0

tries so many of each target, others in each run, and prints how many were tried.
"""

import pytest
from support import fuzzing


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-examples",
        type=int,
        default=0,
        help="how many inputs each fuzz test tries, others in each run; by default a few, always the same",
    )


def pytest_configure(config: pytest.Config) -> None:
    examples = config.getoption("--fuzz-examples")
    if examples:
        fuzzing.try_longer(int(examples))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if fuzzing.TRIED:
        terminalreporter.section("inputs tried")
        for target, count in sorted(fuzzing.TRIED.items()):
            terminalreporter.write_line(f"{count:>10}  {target}")

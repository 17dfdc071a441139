"""Progress bars, one for each kind of long work, out of callbacks that know nothing of a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from lookout_cli.console import out

Report = Callable[[str, int, int], None]
"""What is done now, how much of it is done, and of how much (0: unknown)."""


@contextmanager
def progress_bars(console: Console = out) -> Iterator[Report]:
    """A bar for every piece of work that is reported, in the order of their beginning.

    Commands whose output is for programs show them on standard error.
    """
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        tasks: dict[str, TaskID] = {}

        def report(text: str, done: int, total: int) -> None:
            if text not in tasks:
                tasks[text] = progress.add_task(text, total=total or None)
            progress.update(tasks[text], completed=done, total=total or None)

        yield report
        for task in progress.task_ids:
            known = progress.tasks[task].total
            progress.update(task, total=known or 1, completed=known or 1)

"""The code blocks of docs/consuming.md, to be run as they stand there."""

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lookout.codec import Codec
from lookout.events import Alert
from lookout.schema_ids import LockedSchemaIds
from lookout.stream.ports import Broker
from lookout.topics import Catalogue
from support.golden import example
from support.polling import until

PAGE = Path(__file__).parents[2] / "docs" / "consuming.md"


def block(language: str, holding: str = "") -> str:
    """The one block of a language that holds a text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (found,) = [text for text in blocks if holding in text]
    return str(found)


def properties(language_block: str, values: Mapping[str, str]) -> str:
    """A block of client properties with an installation's own values; each has to be in it."""
    lines = dict(line.split("=", 1) for line in language_block.splitlines())
    assert not values.keys() - lines.keys()
    return "".join(f"{name}={value}\n" for name, value in {**lines, **values}.items())


def produce_alerts(broker: Broker, catalogue: Catalogue) -> Sequence[Alert]:
    """The released examples of alerts, on their topic."""
    codec = Codec(catalogue=catalogue, ids=LockedSchemaIds())
    alerts = [example(Alert, "alert/first"), example(Alert, "alert/seen_again")]
    producer = broker.producer()
    for alert in alerts:
        producer.produce(codec.outgoing(alert))
    producer.close()
    return alerts


@contextmanager
def printing(command: Sequence[str], folder: Path) -> Iterator[Callable[[int], Sequence[str]]]:
    """A consumer that runs until it is stopped; yields what waits for a number of lines from it."""
    printed, troubles = folder / "printed", folder / "troubles"
    with printed.open("w") as out, troubles.open("w") as errors:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=errors)

        def lines(number: int) -> Sequence[str]:
            def enough() -> bool:
                assert process.poll() is None, troubles.read_text()
                return len(printed.read_text().splitlines()) >= number

            until(enough, f"{number} lines of {command[0]}", 60.0)
            return printed.read_text().splitlines()

        try:
            yield lines
        finally:
            process.kill()
            process.wait()

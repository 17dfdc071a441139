"""Where the traces of a local stack can be: all that the verification needs, gathered from its state folder."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookout_verifier.gallery import find_galleries
from lookout_verifier.processes import with_children
from lookout_verifier.verification import Sources

from lookout_cli.stack.folder import StackError, StateFolder

_MEMORY = Path("/dev/shm")  # noqa: S108 - looked into, never written to
_TEMPORARY = "lookout-*"
_GALLERIES = "lookout-gallery-"


@dataclass(frozen=True, slots=True)
class Places:
    """Where processes of this machine leave temporary files, and galleries their folders."""

    temporary: Path
    memory: Path


def places_here() -> Places:
    """This machine's."""
    return Places(Path(tempfile.gettempdir()), _MEMORY)


def local_sources(folder: StateFolder, places: Places) -> Sources:
    """What the stack on ``folder`` left, or leaves while it runs.

    Raises:
        StackError: nothing of a stack on Kafka is there.
    """
    if not folder.kafka.is_dir():
        raise StackError(
            f"{folder.root} has no Kafka data: name the stack's folder with --state, or a broker's with --kafka-data "
            "(the in-memory broker leaves nothing to look at)"
        )
    stack = folder.running() if folder.is_running() else None
    # This process is of the stack, too: it may break a promise on purpose.
    pids = [os.getpid(), *(with_children(stack.pid) if stack else ())]
    ports = stack.metrics_ports.values() if stack else ()
    galleries, others = find_galleries([places.memory, places.temporary], pids)
    return Sources(
        kafka=[folder.kafka],
        trust=folder.trust,
        anchors=[folder.anchors] if folder.anchors.is_dir() else [],
        keyring=stack.keyring_url if stack else None,
        scan=[folder.root, *_temporary(places)],
        gallery=galleries,
        galleries_of_others=others,
        metrics=[f"http://127.0.0.1:{port}/metrics" for port in ports],
        pids=[stack.pid] if stack else [],
    )


def _temporary(places: Places) -> Sequence[Path]:
    return list(_found(places.temporary)) + list(_found(places.memory))


def _found(place: Path) -> Iterator[Path]:
    for path in sorted(place.glob(_TEMPORARY)):
        if not path.name.startswith(_GALLERIES):
            yield path

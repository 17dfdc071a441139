"""Events for tests, out of the released examples."""

from typing import TypeVar

from lookout.codec import Codec
from lookout.events import Event
from lookout.schema_ids import LockedSchemaIds
from lookout.topics import load_catalogue, schemas_folder

E = TypeVar("E", bound=Event)


def example(kind: type[E], name: str) -> E:
    """A released example of a kind of event, ``name`` as its folder and file: ``alert/first``."""
    record, _, stem = name.partition("/")
    text = (schemas_folder() / "examples" / record / "v1" / f"{stem}.hex").read_text()
    catalogue = load_catalogue()
    codec = Codec(catalogue=catalogue, ids=LockedSchemaIds())
    event = codec.decode(catalogue.topic_of(kind).name, bytes.fromhex(text.replace("\n", "")))
    assert isinstance(event, kind)
    return event

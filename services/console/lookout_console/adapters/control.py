"""The console's hand on the control topics: every record that needs it carries its signature."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lookout.codec import Codec
from lookout.events import Deployment, Event, WatchlistEntry
from lookout.sealing.signing import Signer
from lookout.stream.ports import Producer

_FLUSH_S: Final = 5.0
_FLUSH_MANY_S: Final = 30.0


class SignedControl:
    """`lookout_console.actions.ports.Control` on a producer of its own. Safe from several threads."""

    def __init__(self, *, codec: Codec, producer: Producer, signer: Signer) -> None:
        self._codec, self._producer, self._signer = codec, producer, signer

    def publish(self, event: Event) -> None:
        """Sign and send; acknowledged when this returns. `DeliveryError` if it is not, within five seconds."""
        self._producer.produce(self._codec.outgoing(self._signed(event)))
        self._producer.flush(_FLUSH_S)

    def publish_all(self, events: Sequence[Event]) -> None:
        """Sign and send many, in order."""
        for event in events:
            self._producer.produce(self._codec.outgoing(self._signed(event)))
        self._producer.flush(_FLUSH_MANY_S)

    def _signed(self, event: Event) -> Event:
        if isinstance(event, Deployment):
            return replace(event, signature=self._signer.sign(self._codec.unsigned_body(event)))
        if isinstance(event, WatchlistEntry):
            return replace(event, signature=self._signer.sign(self._codec.unsigned_body(event)))
        return event

"""Which deployments there are, and which are live: the newest record of each that somebody listed signed."""

import contextlib
import time
from collections.abc import Mapping

from lookout_verifier.avro import AvroError
from lookout_verifier.chain import unsigned
from lookout_verifier.schemas import Schemas
from lookout_verifier.topics import KafkaData
from lookout_verifier.trust import CONTROL, Trust

_TOPIC = "deployments"
_ENDED = "ended"
_MICROSECONDS = 1_000_000
# Galleries are emptied a moment after a window's end.
_GRACE_S = 30


def live_deployments(data: KafkaData, schemas: Schemas, trust: Trust | None) -> Mapping[str, bool]:
    """Of every deployment, whether it is in force or will be."""
    latest_end = (time.time() - _GRACE_S) * _MICROSECONDS
    live: dict[str, bool] = {}
    for message in data.messages(_TOPIC):
        with contextlib.suppress(AvroError):
            record, body = schemas.decode(message.value or b"")
            signature = record.record("signature")
            signer, value = signature.text("signer"), signature.octets("value")
            if trust is None or trust.signed(signer, unsigned(record, body), value, role=CONTROL):
                live[record.text("deployment_id")] = (
                    record.text("state") != _ENDED and record.number("closes_at") > latest_end
                )
    return live

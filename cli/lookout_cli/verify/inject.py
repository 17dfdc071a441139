"""Breaking promises on purpose, to see that the verification notices. Only on a local stack in demonstration mode.

A forged receipt stays on its topic: that state folder fails the verification from then on. The others are undone, or
end with the topic's retention.
"""

import fcntl
import math
import secrets
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import redis
from lookout.events import Erasure, ErasureReason, Face, Receipt
from lookout.hosting.platform import Platform
from lookout.sealing import scripts
from lookout.sealing.envelope import KEY_BYTES
from lookout.sealing.ports import DataKey
from lookout.sealing.signing import ROLE_RECEIPTS, Signer
from lookout.stream.ports import Outgoing
from lookout_keeper.domain import BlockReceipts, link, verify_chain
from lookout_matching.adapters.points import collection_name
from qdrant_edge import Distance, EdgeConfig, EdgeShard, EdgeVectorParams, Point, UpdateOperation

from lookout_cli.control import ControlError, read_all
from lookout_cli.stack.local import KEEPER_SIGNER
from lookout_cli.verify.faults import Fault

_CHIP_SIZE = 112
_DIM = 128
_LOCK = "in-use"
_PUT_BACK_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Saboteur:
    """Breaks promises of the system behind ``platform``; galleries are in ``memory``."""

    platform: Platform
    memory: Path

    @contextmanager
    def injected(self, fault: Fault) -> Iterator[None]:
        """The promise is broken within the context. `ControlError` where there is nothing to break it with yet."""
        breaking: dict[Fault, Callable[[], Callable[[], object]]] = {
            Fault.SKIPPED_DESTROY: self._put_back,
            Fault.FORGED_RECEIPT: self._forge,
            Fault.PLAINTEXT_CHIP: self._write_chip,
            Fault.TEMPLATE_LEFT: self._leave_template,
        }
        undo = breaking[fault]()
        try:
            yield
        finally:
            undo()

    def _put_back(self) -> Callable[[], object]:
        """A key whose receipt says destroyed is in the keyring again."""
        name = scripts.KEY + self._destroyed_key()
        client = redis.Redis.from_url(self.platform.settings.keyring_url)
        client.set(name, secrets.token_bytes(KEY_BYTES), px=_PUT_BACK_FOR)

        def undo() -> None:
            client.delete(name)
            client.close()

        return undo

    def _destroyed_key(self) -> str:
        for record in reversed(read_all(self.platform, Erasure)):
            for receipt in record.receipts.receipts if record.receipts else ():
                if receipt.reason is not ErasureReason.UNUSED:
                    return f"{record.block_id}:{receipt.first}"
        raise ControlError("no key was destroyed yet: let some footage pass first")

    def _forge(self) -> Callable[[], object]:
        """A receipt that follows the chain, signed in the keeper's name by somebody else."""
        platform = self.platform
        report = verify_chain(
            read_all(platform, Erasure),
            body_of=platform.codec.body,
            trusted=lambda signature, message: platform.trust.verify(
                signature, message, role=ROLE_RECEIPTS
            ),
        )
        forger = Signer(
            KEEPER_SIGNER, DataKey(f"signing/{KEEPER_SIGNER}", secrets.token_bytes(KEY_BYTES))
        )
        receipt = Receipt(
            first=0,
            count=1,
            reason=ErasureReason.NO_MATCH,
            captured_at=None,
            destroyed_at=platform.clock(),
            destroyed_by="nobody",
        )
        forged = BlockReceipts(deployment_id="", block_id=str(uuid.uuid4()), receipts=[receipt])
        record, _ = link(forged, report.head, body_of=platform.codec.body, sign=forger.sign)
        platform.emit(record)
        return _nothing

    def _write_chip(self) -> Callable[[], object]:
        """The raw pixels of a chip are on the faces topic."""
        producer = self.platform.producer()
        producer.produce(Outgoing(self.platform.topic(Face), b"sabotage", picture_of_nobody()))
        producer.flush()
        return _nothing

    def _leave_template(self) -> Callable[[], object]:
        """A template lies where galleries keep them, for a deployment that never was."""
        root = self.memory / f"lookout-gallery-{secrets.token_hex(4)}"
        root.mkdir(mode=0o700)
        leave_template(root / collection_name(str(uuid.uuid4())))
        # Held as by a running gallery: whoever starts one clears away what nobody holds.
        held = (root / _LOCK).open("w")
        fcntl.flock(held, fcntl.LOCK_EX)

        def undo() -> None:
            held.close()
            shutil.rmtree(root)

        return undo


def picture_of_nobody() -> bytes:
    """Raw BGR pixels, (112, 112, 3) uint8, of an oval on a ground: a chip as the model sees it, and no person's."""
    y, x = np.mgrid[-1 : 1 : _CHIP_SIZE * 1j, -1 : 1 : _CHIP_SIZE * 1j]
    oval = np.exp(-(x**2) * 2.2 - y**2 * 1.4)
    shade = oval + 0.15 * np.sin(9 * y) * oval + 0.1 * x
    colours = np.stack([60 + 90 * shade, 70 + 110 * shade, 90 + 140 * shade], axis=-1)
    grain = np.random.default_rng().normal(0.0, 3.0, colours.shape)
    pixels: bytes = np.clip(colours + grain, 0, 255).astype(np.uint8).tobytes()
    return pixels


def leave_template(folder: Path) -> None:
    """A collection with one template of nobody, in the files of Qdrant's own engine."""
    folder.mkdir(parents=True)
    config = EdgeConfig(vectors=EdgeVectorParams(size=_DIM, distance=Distance.Cosine))
    shard = EdgeShard.create(str(folder), config)
    vector = np.random.default_rng().normal(size=_DIM)
    row = [float(part) for part in vector / math.sqrt(float(vector @ vector))]
    shard.update(UpdateOperation.upsert_points([Point(str(uuid.uuid4()), row, {})]))
    shard.close()


def _nothing() -> None:
    """Nothing can be undone."""

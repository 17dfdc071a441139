"""An alert whose picture is sealed under a key that is alive."""

from datetime import timedelta

from lookout.events import Alert, Category, Response, Sighting
from lookout.sealing.envelope import seal
from support.keyrings import START, MemoryKeyring


def sealed_alert(keyring: MemoryKeyring, jpeg: bytes) -> Alert:
    """Of one sighting; ``jpeg`` is its thumbnail."""
    keyring.open_block(block_id="block", deployment_id="d1", service="detection", count=10)
    (key,) = keyring.make("block", 1, timedelta(minutes=10))
    sighting = Sighting(
        match_id="match-1",
        face_id="face-1",
        track_id="track-1",
        camera_id="camera-1",
        captured_at=START,
        score=0.6,
    )
    return Alert(
        deployment_id="d1",
        alert_id="alert-1",
        revision=1,
        entry_id="entry-1",
        category=Category.WITNESS,
        response=Response.GREEN,
        threshold=0.5,
        margin=None,
        captured_at=START,
        alerted_at=START,
        sightings=(sighting,),
        demonstration=True,
        thumbnail=seal(key, jpeg, what="thumbnail", whose="face-1"),
    )

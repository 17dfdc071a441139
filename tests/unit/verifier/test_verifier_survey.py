"""Everything biometric on the topics must be sealed, and nothing may lie beside the fields."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from lookout.codec import Codec
from lookout.events import DeadLetter, Event, Face, Preview, Sealed
from lookout.schema_ids import LockedSchemaIds
from lookout.sealing.envelope import seal
from lookout.sealing.ports import DataKey
from lookout.topics import load_catalogue
from lookout_cli.verify.inject import picture_of_nobody
from lookout_verifier.opening import judge_nothing_opens
from lookout_verifier.payloads import Payload, Sample
from lookout_verifier.promises import Verdict
from lookout_verifier.schemas import Schemas
from lookout_verifier.segments import Message
from lookout_verifier.survey import Survey, Surveyor

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CODEC = Codec(catalogue=load_catalogue(), ids=LockedSchemaIds())
KEY = DataKey("block:1", bytes(range(100, 132)))
CHIP = picture_of_nobody()
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(300)
TEMPLATE = (np.ones(128) / np.sqrt(128)).astype("<f4").tobytes()
FACE = Face(
    deployment_id="d",
    face_id="f1",
    track_id="t",
    camera_id="c",
    frame_id="f",
    captured_at=NOW,
    shot=1,
    box=(0.0, 0.0, 1.0, 1.0),
    landmarks=(0.5,) * 10,
    quality=0.9,
    pack_sha256="0" * 64,
    chip_size=112,
    chip=seal(KEY, CHIP, what="chip", whose="f1"),
    thumbnail=seal(KEY, JPEG, what="thumbnail", whose="f1"),
)
LETTER = DeadLetter(
    deployment_id="d",
    source_topic="lookout.faces",
    source_partition=0,
    source_offset=0,
    service="embedding",
    error="not_avro",
    detail="",
    failed_at=NOW,
    original_key=None,
    original_value=None,
)
PREVIEW = Preview(
    deployment_id="d", camera_id="c", frame_id="f", captured_at=NOW, faces=0, jpeg=JPEG
)


def look(value: bytes | None, key: bytes | None = None) -> tuple[Survey, list[Payload]]:
    kept: list[Payload] = []
    surveyor = Surveyor(Schemas(), lambda _, payload: kept.append(payload))
    surveyor.look(Message(topic="t", partition=0, offset=5, key=key, value=value), "t")
    return surveyor.found, kept


def unsealed(plaintext: bytes) -> Sealed:
    return Sealed(key_id="block:1", nonce=bytes(12), ciphertext=plaintext)


@pytest.mark.parametrize(
    "event",
    [FACE, PREVIEW, LETTER, replace(LETTER, original_value=CODEC.encode(FACE))],
    ids=["face", "preview", "empty letter", "letter with a face"],
)
def test_what_is_sealed_or_pixelated_is_fine(event: Event) -> None:
    assert look(CODEC.encode(event))[0].plaintext == []


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (replace(FACE, chip=unsealed(CHIP)), "chip"),
        (replace(FACE, thumbnail=unsealed(JPEG)), "jpeg"),
        (replace(FACE, chip=unsealed(TEMPLATE)), "template"),
        (replace(FACE, chip=unsealed(b"short")), "too short"),
        (replace(FACE, chip=unsealed(b"words " * 500)), "not encrypted"),
        (replace(FACE, chip=replace(FACE.chip, nonce=b"1")), "nonce"),
        (replace(LETTER, original_value=CHIP), "chip"),
        (replace(LETTER, original_key=TEMPLATE), "template"),
        (
            replace(LETTER, original_value=CODEC.encode(replace(FACE, chip=unsealed(CHIP)))),
            "chip",
        ),
    ],
)  # fmt: skip
def test_what_is_not_sealed_is_named_with_its_place(event: Event, what: str) -> None:
    found, _ = look(CODEC.encode(event))

    assert len(found.plaintext) == 1
    assert what in found.plaintext[0]
    assert found.plaintext[0].startswith("t-0@5")


@pytest.mark.parametrize("value", [CHIP, JPEG, TEMPLATE, bytes(range(64)) * 40])
def test_bytes_of_no_schema_must_be_text_or_ciphertext(value: bytes) -> None:
    assert look(value)[0].plaintext


@pytest.mark.parametrize(
    "value", [None, b"", b"text " * 1000, bytes(np.random.default_rng(1).bytes(9000))]
)
def test_other_systems_messages_are_no_finding(value: bytes | None) -> None:
    assert look(value)[0].plaintext == []


def test_a_template_in_a_key_is_found() -> None:
    assert "key" in look(None, key=TEMPLATE)[0].plaintext[0]


def test_payloads_open_with_their_key_and_no_other() -> None:
    _, payloads = look(CODEC.encode(FACE))

    assert [one.key_id for one in payloads] == ["block:1", "block:1"]
    assert all(one.opens_with(KEY.secret) for one in payloads)
    assert not any(one.opens_with(bytes(32)) for one in payloads)


def test_a_key_in_a_small_file_opens_what_should_be_closed(tmp_path: Path) -> None:
    _, payloads = look(CODEC.encode(FACE))
    (tmp_path / "harmless").write_bytes(b"nothing to see here")
    (tmp_path / "swap").write_bytes(bytes(1000) + KEY.secret + bytes(1000))

    fine = judge_nothing_opens(payloads, [tmp_path / "harmless"], total=2)
    bad = judge_nothing_opens(payloads, [tmp_path / "harmless", tmp_path / "swap"], total=2)

    assert (fine.verdict, bad.verdict) == (Verdict.KEPT, Verdict.BROKEN)


def test_without_payloads_there_is_nothing_to_try() -> None:
    assert judge_nothing_opens([], [], total=0).verdict is Verdict.SKIPPED


def test_a_busy_topic_does_not_crowd_a_quiet_one_out_of_the_sample() -> None:
    _, (payload, _) = look(CODEC.encode(FACE))
    sample = Sample(10)
    for _ in range(5000):
        sample.offer("frames", replace(payload, place="busy"))
    for _ in range(3):
        sample.offer("alerts", replace(payload, place="quiet"))

    places = [one.place for one in sample.taken()]

    assert (len(places), places.count("quiet")) == (10, 3)

"""The codec says clearly what it cannot read, and its signatures cover what the reader does not know."""

import json
import struct
from dataclasses import replace
from datetime import UTC, datetime

import fastavro
import httpx
import pytest
from lookout.codec import Codec
from lookout.events import (
    Deployment,
    DeploymentState,
    Frame,
    Sealed,
    ServiceState,
    ServiceStatus,
    Signature,
)
from lookout.schema_ids import LockedSchemaIds, RegistrySchemaIds, SchemaIdError
from lookout.stream.ports import InvalidMessageError, RetryableError
from lookout.topics import load_catalogue, schemas_folder

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
CATALOGUE = load_catalogue(prefix="test.")
FRAME = Frame(
    deployment_id="d",
    frame_id="f",
    camera_id="c",
    sequence=2**40,
    captured_at=NOW,
    width=1280,
    height=720,
    image=Sealed(key_id="block:1", nonce=bytes(12), ciphertext=b"sealed"),
)
DEPLOYMENT = Deployment(
    deployment_id="d",
    state=DeploymentState.LIVE,
    opens_at=NOW,
    closes_at=NOW,
    cameras=("c",),
    target_fpir=0.001,
    pack_name="mobile",
    pack_sha256="",
    watchlist_hash="",
    confirm_shots=2,
    confirm_of=3,
    authority="",
    demonstration=True,
    updated_at=NOW,
    signature=Signature(signer="s", value=b"1" * 64),
)


@pytest.fixture(name="codec")
def _codec() -> Codec:
    return Codec(catalogue=CATALOGUE, ids=LockedSchemaIds(), source="/lookout/test")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "empty"),
        (b"", "not_avro"),
        (b"\x00\x00", "not_avro"),
        (b'{"json": true}', "not_avro"),
        (struct.pack(">bI", 0, 9) + b"body", "unknown_schema"),
    ],
)
def test_a_foreign_message_is_invalid_and_says_how(
    codec: Codec, value: bytes | None, kind: str
) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        codec.decode("test.frames", value)

    assert caught.value.kind == kind


def test_another_topics_record_is_foreign(codec: Codec) -> None:
    with pytest.raises(InvalidMessageError, match=r"wanted lookout.v1.Face, got lookout.v1.Frame"):
        codec.decode("test.faces", codec.encode(FRAME))


def test_no_cut_or_flipped_body_escapes_as_anything_but_invalid(codec: Codec) -> None:
    value = codec.encode(FRAME)
    for cut in range(5, len(value) - 1):
        with pytest.raises(InvalidMessageError):
            codec.decode("test.frames", value[:cut])
    for place in range(5, len(value)):
        damaged = value[:place] + bytes([value[place] ^ 0xFF]) + value[place + 1 :]
        try:
            codec.decode("test.frames", damaged)
        except InvalidMessageError as error:
            assert error.kind == "undecodable"  # noqa: PT017 - some flips still decode, to another value


def test_headers_name_the_event_and_nothing_about_anyone(codec: Codec) -> None:
    headers = dict(codec.outgoing(FRAME, traceparent="00-a-b-01").headers)

    assert headers == {
        "content-type": b"application/vnd.confluent.avro",
        "ce_specversion": b"1.0",
        "ce_id": b"f",
        "ce_source": b"/lookout/test",
        "ce_type": b"lookout.v1.Frame",
        "ce_deploymentid": b"d",
        "ce_time": b"2026-01-02T03:04:05.678901+00:00",
        "traceparent": b"00-a-b-01",
    }


def test_the_key_comes_from_the_catalogue(codec: Codec) -> None:
    status = ServiceStatus(
        deployment_id="",
        service="capture",
        instance="capture-1",
        state=ServiceState.LIVE,
        reason="",
        since=NOW,
        reported_at=NOW,
    )

    assert codec.outgoing(status).key == b"capture-1"
    assert codec.tombstone(status).value is None


def test_signed_part_is_what_was_signed_and_changes_with_any_field(codec: Codec) -> None:
    body, signature = codec.signed_part(codec.encode(DEPLOYMENT))
    other, _ = codec.signed_part(codec.encode(replace(DEPLOYMENT, target_fpir=0.01)))

    assert signature == DEPLOYMENT.signature
    assert body == codec.unsigned_body(DEPLOYMENT)
    assert body != other


def test_a_field_that_a_newer_writer_added_stays_covered_by_the_signature() -> None:
    schema = json.loads((schemas_folder() / "avro" / "deployment" / "v1.avsc").read_text())
    schema["fields"].insert(0, {"name": "site", "type": "string", "default": ""})
    newer = json.dumps(schema)

    class Registry(LockedSchemaIds):
        def schema_text(self, schema_id: int) -> str:
            return newer if schema_id == 77 else super().schema_text(schema_id)

    codec = Codec(catalogue=CATALOGUE, ids=Registry())
    old_body = codec.body(DEPLOYMENT)
    here, there = (
        struct.pack(">bI", 0, 77) + bytes([4]) + site + old_body for site in (b"AB", b"XY")
    )

    assert codec.decode("test.deployments", here) == DEPLOYMENT
    assert codec.signed_part(here)[0] != codec.signed_part(there)[0]
    assert fastavro.parse_schema(json.loads(newer))


def test_registry_ids_are_used_on_the_wire_and_asked_for_once() -> None:
    asked: list[str] = []
    known: dict[int, str] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        if request.method == "POST":
            known[len(known) + 1] = json.loads(request.content)["schema"]
            return httpx.Response(200, json={"id": len(known)})
        schema_id = int(request.url.path.rsplit("/", 1)[-1])
        return (
            httpx.Response(200, json={"schema": known[schema_id]})
            if schema_id in known
            else httpx.Response(404)
        )

    client = httpx.Client(base_url="http://registry.invalid", transport=httpx.MockTransport(answer))
    codec = Codec(catalogue=CATALOGUE, ids=RegistrySchemaIds(client))
    value = codec.encode(FRAME)
    before = len(asked)

    assert value[1:5] < bytes([0, 0, 1, 0])
    assert codec.decode("test.frames", value) == FRAME
    assert len(asked) == before
    with pytest.raises(InvalidMessageError, match="unknown_schema"):
        codec.decode("test.frames", b"\x00\x00\x00\xff\xffbody")


@pytest.mark.parametrize(
    ("status", "told"),
    [(404, "does not have this schema"), (500, "answered 500"), (None, "does not answer")],
)
def test_a_registry_in_trouble_fails_the_start_with_what_to_do(
    status: int | None, told: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if status is None:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(status)

    client = httpx.Client(base_url="http://registry.invalid", transport=httpx.MockTransport(answer))

    with pytest.raises(SchemaIdError, match=told):
        Codec(catalogue=CATALOGUE, ids=RegistrySchemaIds(client))


def test_a_registry_that_goes_silent_makes_an_unseen_id_wait_not_fail() -> None:
    class Silent(LockedSchemaIds):
        def schema_text(self, schema_id: int) -> str:
            raise SchemaIdError("the schema registry does not answer")

    codec = Codec(catalogue=CATALOGUE, ids=Silent())

    with pytest.raises(RetryableError):
        codec.decode("test.frames", b"\x00\x00\x00\xff\xffbody")

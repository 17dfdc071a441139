"""Sealed chips in, sealed templates out under the same key, and every key accounted for."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookout.events import DeploymentState, Embedding, ErasureReason, Face, Sealed, ServiceState
from lookout.sealing.envelope import open_sealed, seal
from lookout.sealing.ports import KeyringUnavailableError
from lookout.stream.ports import Partition, Position
from lookout.stream.processor import Delivery, Outcome
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.embedder import ModelOutputError
from lookout.vision.errors import ModelShapeError
from lookout_embedding.metrics import Metrics
from lookout_embedding.processor import EmbeddingProcessor
from lookout_embedding.settings import Settings
from prometheus_client import CollectorRegistry
from support.keyrings import MemoryKeyring
from unit.detection.scenes import NOW, PACK, TTL, FixedAuthority, deployment

SIZE, DIM = 16, 8
SPOILED, NOT_FINITE, ZERO = 251, 252, 253
"""Grey values of chips on which the model fails: by raising, or with an answer that is no template."""


def direction(grey: int) -> FloatArray:
    """What the model says of an even chip."""
    vector = np.random.default_rng(grey).normal(size=DIM).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


@dataclass(slots=True)
class EvenEmbedder:
    """Knows a chip by its first pixel."""

    size: int = SIZE
    dim: int = DIM
    answers: int | None = None
    batches: list[int] = field(default_factory=list)

    def embed(self, chips: Image) -> FloatArray:
        assert chips.dtype == np.uint8
        assert chips.shape[1:] == (SIZE, SIZE, 3)
        self.batches.append(len(chips))
        greys = [int(chip[0, 0, 0]) for chip in chips]
        if SPOILED in greys:
            raise ModelOutputError("no direction")
        rows = np.stack([direction(grey) for grey in greys])
        for row, grey in enumerate(greys):
            if grey in {NOT_FINITE, ZERO}:
                rows[row] = np.nan if grey == NOT_FINITE else 0
        return rows if self.answers is None else rows[:, : self.answers]


@dataclass(slots=True)
class World:
    """An embedding processor with everything around it."""

    embedder: EvenEmbedder = field(default_factory=EvenEmbedder)
    settings: Settings = field(default_factory=Settings)
    authority: FixedAuthority = field(default_factory=lambda: FixedAuthority([deployment()]))
    keyring: MemoryKeyring = field(default_factory=MemoryKeyring)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    processor: EmbeddingProcessor = field(init=False)
    _offset: int = 0

    def __post_init__(self) -> None:
        self.processor = EmbeddingProcessor(
            embedder=self.embedder,
            pack_sha256=PACK,
            authority=self.authority,
            keyring=self.keyring,
            metrics=Metrics(self.registry),
            clock=lambda: NOW,
            settings=self.settings,
        )
        self.keyring.open_block(
            block_id="faces", deployment_id="market", service="detection", count=100_000
        )

    def face(self, grey: int = 1, *, size: int = SIZE, seconds: float = 0) -> Delivery[Face]:
        """A face whose chip is even grey, captured so many seconds after `NOW`."""
        (key,) = self.keyring.make("faces", 1, TTL)
        face_id = f"face-{key.key_id}"
        event = Face(
            deployment_id="market",
            face_id=face_id,
            track_id="track",
            camera_id="gate",
            frame_id="frame",
            captured_at=NOW + timedelta(seconds=seconds),
            shot=3,
            box=(0.0, 0.0, 10.0, 10.0),
            landmarks=(0.0,) * 10,
            quality=0.5,
            pack_sha256=PACK,
            chip_size=SIZE,
            chip=seal(key, bytes([grey]) * (size * size * 3), what="chip", whose=face_id),
            thumbnail=seal(key, b"thumbnail", what="thumbnail", whose=face_id),
        )
        return self.delivery(event)

    def delivery(self, event: Face) -> Delivery[Face]:
        """The face as the stream would bring it."""
        self._offset += 1
        return Delivery(event, Position(Partition("faces", 0), self._offset))

    def template(self, embedding: Embedding) -> FloatArray:
        """The template in the clear."""
        (key,) = self.keyring.get([embedding.template.key_id])
        assert key is not None
        data = open_sealed(key, embedding.template, what="template", whose=embedding.face_id)
        return np.frombuffer(data, dtype="<f4").astype(np.float32)

    def carry_out(self, outcome: Outcome) -> int:
        """Destroy what the outcome says; the number of keys that were still there."""
        orders = [*outcome.destroy, *(key for bad in outcome.reject for key in bad.keys)]
        return self.keyring.destroy(orders, by="embedding", at=NOW)

    def skipped(self, reason: str) -> float:
        """How many faces were skipped for a reason."""
        name = "lookout_embedding_faces_skipped_total"
        return self.registry.get_sample_value(name, {"reason": reason}) or 0.0


def embeddings_of(outcome: Outcome) -> list[Embedding]:
    return [each for each in outcome.produce if isinstance(each, Embedding)]


def kinds_of(outcome: Outcome) -> list[str]:
    return [each.kind for each in outcome.reject]


def changed(delivery: Delivery[Face], **fields: object) -> Delivery[Face]:
    # The fields are of the event's own types; a helper for all of them cannot say so.
    return Delivery(replace(delivery.event, **fields), delivery.position)  # type: ignore[arg-type]


def test_an_empty_batch_asks_nobody_for_anything() -> None:
    world = World()
    before = world.keyring.calls
    assert world.processor.process([]) == Outcome()
    assert world.keyring.calls == before
    assert world.embedder.batches == []


def test_a_chip_becomes_a_template_under_the_same_key() -> None:
    world = World()
    delivery = world.face(7)
    face = delivery.event
    outcome = world.processor.process([delivery])
    (embedding,) = embeddings_of(outcome)
    assert world.template(embedding) == pytest.approx(direction(7))
    assert embedding.template.key_id == face.chip.key_id
    assert embedding.thumbnail == face.thumbnail
    assert (embedding.face_id, embedding.shot, embedding.quality) == (face.face_id, 3, 0.5)
    assert embedding.captured_at == face.captured_at
    assert (outcome.destroy, outcome.reject) == ([], [])


def test_chips_go_to_the_model_in_bounded_batches_and_templates_keep_their_order() -> None:
    world = World()
    outcome = world.processor.process([world.face(grey) for grey in range(1, 20)])
    assert world.embedder.batches == [8, 8, 3]
    got = [world.template(embedding) for embedding in embeddings_of(outcome)]
    assert np.stack(got) == pytest.approx(np.stack([direction(grey) for grey in range(1, 20)]))


def test_keys_are_fetched_in_one_call() -> None:
    world = World()
    faces = [world.face(grey) for grey in range(1, 6)]
    before = world.keyring.calls
    world.processor.process(faces)
    assert world.keyring.calls - before == 1


@pytest.mark.parametrize(
    ("change", "captured"),
    [
        pytest.param({"state": DeploymentState.STOPPED}, 0, id="stopped"),
        pytest.param({"closes_at": NOW}, -0.1, id="over"),
        pytest.param({"opens_at": NOW}, -0.1, id="captured before it opened"),
        pytest.param({"cameras": ("door",)}, 0, id="another camera"),
        pytest.param({"deployment_id": "station"}, 0, id="unknown"),
    ],
)
def test_without_authority_a_face_is_destroyed_unopened(
    change: dict[str, object], captured: float
) -> None:
    world = World()
    # The changes are of the fields' own types; the table cannot say so.
    world.authority.deployments = [replace(deployment(), **change)]  # type: ignore[arg-type]
    outcome = world.processor.process([world.face(seconds=captured)])
    assert [order.reason for order in outcome.destroy] == [ErasureReason.DEPLOYMENT_CLOSED]
    assert (outcome.produce, outcome.reject, world.embedder.batches) == ([], [], [])
    assert world.skipped("no_authority") == 1


@pytest.mark.parametrize(("seconds", "skip"), [(-5.1, "stale"), (5.1, "from_the_future")])
def test_a_face_that_is_not_of_now_is_destroyed_unopened(seconds: float, skip: str) -> None:
    world = World()
    outcome = world.processor.process([world.face(seconds=seconds)])
    assert [order.reason for order in outcome.destroy] == [ErasureReason.STALE]
    assert world.embedder.batches == []
    assert world.skipped(skip) == 1


def test_a_stream_that_lags_loses_the_shots_that_no_confirmation_needs() -> None:
    world = World()
    late, needed = world.face(seconds=-1.1), world.face(seconds=-0.2)
    extra = changed(world.face(seconds=-0.1), shot=deployment().confirm_of + 1)
    outcome = world.processor.process([late, needed, extra])
    made = [event.face_id for event in outcome.produce if isinstance(event, Embedding)]
    assert made == [late.event.face_id, needed.event.face_id]
    assert [order.key_id for order in outcome.destroy] == [extra.event.chip.key_id]
    assert [order.reason for order in outcome.destroy] == [ErasureReason.STALE]
    assert world.skipped("shed") == 1


def test_a_stream_that_keeps_up_loses_no_shot() -> None:
    world = World()
    extra = changed(world.face(seconds=-0.9), shot=deployment().confirm_of + 1)
    assert len(world.processor.process([world.face(), extra]).produce) == 2
    assert world.skipped("shed") == 0


def test_shots_shed_in_numbers_are_told_to_the_operator() -> None:
    world = World()
    assert world.processor.state(NOW) == (ServiceState.LIVE, "")
    extra = [changed(world.face(seconds=-1.1), shot=deployment().confirm_of + 1) for _ in range(15)]
    world.processor.process([*extra, *(world.face() for _ in range(5))])
    assert world.processor.state(NOW) == (
        ServiceState.DEGRADED,
        "running degraded: 25 % of shots",
    )


def test_a_face_whose_key_is_gone_is_skipped_though_its_record_is_bad_too() -> None:
    world = World()
    good, bad = world.face(), changed(world.face(), pack_sha256="b" * 64)
    world.carry_out(world.processor.process([bad]))
    world.keyring.advance(TTL)
    assert world.processor.process([good, bad]) == Outcome()
    assert world.skipped("key_gone") == 2


def test_a_face_that_comes_twice_in_a_batch_is_embedded_once() -> None:
    world = World()
    delivery = world.face()
    outcome = world.processor.process([delivery, world.delivery(delivery.event)])
    assert len(embeddings_of(outcome)) == 1
    assert world.skipped("duplicate") == 1


def test_a_face_that_comes_again_while_its_key_lives_gives_the_same_event() -> None:
    world = World()
    delivery = world.face(9)
    (first,) = embeddings_of(world.processor.process([delivery]))
    (again,) = embeddings_of(world.processor.process([delivery]))
    assert replace(again, template=first.template) == first
    assert world.template(again) == pytest.approx(world.template(first))


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        pytest.param({"pack_sha256": "b" * 64}, "wrong_pack", id="face of another pack"),
        pytest.param({"chip_size": SIZE + 1}, "wrong_chip_size", id="chip of another size"),
        pytest.param({"face_id": "another"}, "cannot_open", id="another face's chip"),
        pytest.param(
            {"chip": Sealed(key_id="faces:0", nonce=b"", ciphertext=b"")},
            "cannot_open",
            id="no envelope",
        ),
    ],
)
def test_a_record_that_cannot_be_used_is_rejected_and_the_others_go_on(
    fields: dict[str, object], kind: str
) -> None:
    world = World()
    bad, good = changed(world.face(), **fields), world.face(2)
    outcome = world.processor.process([bad, good])
    assert kinds_of(outcome) == [kind]
    assert outcome.reject[0].position == bad.position
    assert [key.reason for key in outcome.reject[0].keys] == [ErasureReason.REJECTED]
    assert len(embeddings_of(outcome)) == 1


def test_a_chip_shorter_than_its_record_says_is_rejected() -> None:
    world = World()
    assert kinds_of(world.processor.process([world.face(size=SIZE - 1)])) == ["bad_chip"]


def test_a_deployment_of_another_pack_gets_no_templates() -> None:
    world = World()
    world.authority.deployments = [replace(deployment(), pack_sha256="b" * 64)]
    outcome = world.processor.process([world.face()])
    assert kinds_of(outcome) == ["wrong_pack"]
    assert outcome.produce == []


@pytest.mark.parametrize("grey", [SPOILED, NOT_FINITE, ZERO])
def test_a_chip_that_the_model_has_no_answer_for_is_rejected_alone(grey: int) -> None:
    world = World()
    faces = [world.face(1), world.face(grey), world.face(3)]
    outcome = world.processor.process(faces)
    assert kinds_of(outcome) == ["bad_template"]
    assert outcome.reject[0].position == faces[1].position
    got = [world.template(embedding) for embedding in embeddings_of(outcome)]
    assert np.stack(got) == pytest.approx(np.stack([direction(1), direction(3)]))


def test_a_model_that_answers_in_another_shape_stops_the_service() -> None:
    world = World(embedder=EvenEmbedder(answers=DIM - 1))
    with pytest.raises(ModelShapeError, match=r"shape \(1, 8\), but answered \(1, 7\)"):
        world.processor.process([world.face()])


def test_without_a_keyring_nothing_is_embedded() -> None:
    world = World()
    delivery = world.face()
    world.keyring.available = False
    with pytest.raises(KeyringUnavailableError):
        world.processor.process([delivery])
    world.keyring.available = True
    assert len(embeddings_of(world.processor.process([delivery]))) == 1


def test_time_rebalancing_and_stopping_change_nothing() -> None:
    world = World()
    world.processor.process([world.face()])
    world.processor.revoked([Partition("faces", 0)])
    assert world.processor.tick(NOW) == Outcome()
    assert world.processor.drain() == Outcome()


@pytest.mark.parametrize(
    ("packs", "state", "words"),
    [
        pytest.param([], ServiceState.NOT_RUNNING, "no deployment is in force", id="none"),
        pytest.param([PACK], ServiceState.LIVE, "", id="ours"),
        pytest.param(["b" * 64], ServiceState.NOT_RUNNING, "bbbbbbbbbbbb", id="another pack"),
        pytest.param(["b" * 64, PACK], ServiceState.DEGRADED, "bbbbbbbbbbbb", id="one of two"),
    ],
)
def test_the_service_says_how_it_stands(packs: list[str], state: ServiceState, words: str) -> None:
    world = World()
    world.authority.deployments = [
        replace(deployment(f"place-{number}"), pack_sha256=pack)
        for number, pack in enumerate(packs)
    ]
    got, reason = world.processor.state(NOW)
    assert got is state
    assert words in reason
    assert bool(words) == bool(reason)


kinds = st.sampled_from(
    ["good", "again", "late", "gone", "closed", "pack", "altered", "short", "spoiled", "nan"]
)


def planted(world: World, kind: str) -> Delivery[Face]:
    """One face with something about it."""
    greys = {"spoiled": SPOILED, "nan": NOT_FINITE}
    face = world.face(
        greys.get(kind, 1),
        seconds=-6 if kind == "late" else 0,
        size=SIZE - 2 if kind == "short" else SIZE,
    )
    fields: dict[str, dict[str, object]] = {
        "closed": {"deployment_id": "elsewhere"},
        "pack": {"pack_sha256": "b" * 64},
        "altered": {"face_id": "another"},
    }
    return changed(face, **fields.get(kind, {}))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(kinds, max_size=12), max_size=3))
def test_every_key_is_destroyed_once_or_lives_on_with_its_template(
    batches: list[list[str]],
) -> None:
    world = World()
    living: set[str] = set()
    for plan in batches:
        batch: list[Delivery[Face]] = []
        gone: set[str] = set()
        for kind in plan:
            face = planted(world, kind)
            batch.append(face)
            if kind == "again":
                batch.append(world.delivery(face.event))
            if kind == "gone":
                gone.add(face.event.chip.key_id)
                (order,) = world.processor.process(
                    [changed(face, captured_at=NOW - timedelta(seconds=9))]
                ).destroy
                world.keyring.destroy([order], by="embedding", at=NOW)
        outcome = world.processor.process(batch)
        orders = [*outcome.destroy, *(key for bad in outcome.reject for key in bad.keys)]
        alive = [embedding.template.key_id for embedding in embeddings_of(outcome)]
        came = {each.event.chip.key_id for each in batch}
        named = sorted([*(order.key_id for order in orders), *alive])
        assert named == sorted(came - gone)
        assert world.carry_out(outcome) == len(orders)
        living |= set(alive)
    assert world.keyring.held() == len(living)

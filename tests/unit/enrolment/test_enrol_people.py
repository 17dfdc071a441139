"""Enrolment: a verdict on every picture, entries sealed, signed and sent, names kept apart."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from lookout.enrolment.enrol import Enroller, EnrolReport, Outcome, Verdict
from lookout.enrolment.person import Person
from lookout.enrolment.source import Defaults, Row, read_source
from lookout.events import Category, Response, Signature, WatchlistAction, WatchlistEntry
from lookout.ids import entry_id
from lookout.sealing.envelope import open_sealed
from lookout.sealing.ports import DataKey
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.detector import Detections
from lookout.vision.embedder import Embedder
from lookout.vision.landmarks import DetectorLandmarks

TEMPLATE = np.array([[30, 40], [80, 40], [55, 65], [35, 85], [75, 85]], np.float32)
KEY = DataKey("watchlist/dep", b"k" * 32)
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SIDE = 400


class MarkedDetector:
    """Finds as many faces as the first pixel's red says, with eyes as far apart as its green says."""

    def detect(self, image_bgr: Image) -> Detections:
        _, apart, count = (int(value) for value in image_bgr[0, 0])
        if count == 0:
            return Detections.none()
        centre = SIDE / 2
        points = (TEMPLATE - TEMPLATE[:2].mean(axis=0)) * apart / 50 + [centre, 150]
        box = [centre - 1.1 * apart, 150 - apart, centre + 1.1 * apart, 150 + 1.8 * apart]
        return Detections(
            np.array([box] * count, np.float32),
            np.full(count, 0.9, np.float32),
            np.array([points] * count, np.float32),
        )


class MeanColourEmbedder:
    """The same colour is the same person."""

    size = 112
    dim = 3

    def embed(self, chips: Image) -> FloatArray:
        means = chips.reshape(len(chips), -1, 3).mean(axis=1)
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32)


@dataclass
class Desk:
    """An enroller with everything it sends collected."""

    sent: list[WatchlistEntry] = field(default_factory=list)
    kept: dict[str, Person] = field(default_factory=dict)
    told: list[Verdict] = field(default_factory=list)

    embedder: Embedder = field(default_factory=MeanColourEmbedder)

    def enrol(
        self, rows: Iterable[Row], *, known: dict[str, FloatArray] | None = None
    ) -> EnrolReport:
        enroller = Enroller(
            deployment_id="dep",
            detector=MarkedDetector(),
            refiner=DetectorLandmarks(),
            embedder=self.embedder,
            template_points=TEMPLATE,
            pack_sha256="a" * 64,
            key=KEY,
            lookalike_threshold=0.95,
            sign=lambda entry: replace(entry, signature=Signature(signer="me", value=b"s")),
            emit=self.sent.append,
            keep=self.kept.__setitem__,
            now=lambda: NOON,
        )
        return enroller.enrol(rows, progress=self.told.append, known=known)


def picture(
    path: Path,
    *,
    colour: tuple[int, int, int] = (200, 40, 40),
    faces: int = 1,
    apart: int = 100,
    blurred: bool = False,
) -> Path:
    grain = np.random.default_rng(5).integers(0, 50, (SIDE, SIDE, 1), dtype=np.uint8)
    image = cv2.add(np.full((SIDE, SIDE, 3), colour, np.uint8), np.repeat(grain, 3, axis=2))
    if blurred:
        # Light and shade, and no edge anywhere.
        image[:] = np.linspace(60, 200, SIDE).astype(np.uint8)[:, None, None]
    image[0, 0] = (0, apart, faces)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return path


def rows_of(folder: Path) -> Iterable[Row]:
    return read_source(
        folder, defaults=Defaults(category=Category.WITNESS, response=Response.GREEN)
    )


def test_no_rows_enrol_nobody() -> None:
    desk = Desk()

    report = desk.enrol([])

    assert report == EnrolReport(verdicts=(), entries=())
    assert desk.sent == []


def test_a_person_becomes_one_signed_entry_with_a_template_per_picture(tmp_path: Path) -> None:
    picture(tmp_path / "P-1" / "a.png")
    picture(tmp_path / "P-1" / "b.png", colour=(190, 40, 40))
    desk = Desk()

    report = desk.enrol(rows_of(tmp_path))

    (entry,) = desk.sent
    assert report.entries == (entry,)
    assert entry.entry_id == entry_id("dep", "P-1")
    assert (entry.action, entry.category, entry.response) == (
        WatchlistAction.ENROL,
        Category.WITNESS,
        Response.GREEN,
    )
    assert (entry.signature.signer, entry.pack_sha256, entry.issued_at) == ("me", "a" * 64, NOON)
    assert len(entry.templates) == 2
    assert [verdict.outcome for verdict in report.verdicts] == [Outcome.ACCEPTED] * 2
    assert desk.told == list(report.verdicts)


def test_templates_are_sealed_for_their_entry_as_unit_float32(tmp_path: Path) -> None:
    picture(tmp_path / "P-1.png")
    desk = Desk()
    desk.enrol(rows_of(tmp_path))
    (entry,) = desk.sent

    opened = open_sealed(KEY, entry.templates[0], what="watchlist-template", whose=entry.entry_id)

    template = np.frombuffer(opened, "<f4")
    assert template.shape == (3,)
    assert np.linalg.norm(template) == pytest.approx(1, abs=1e-5)


def test_rows_of_one_person_need_not_stand_together(tmp_path: Path) -> None:
    for name, colour in (("1", (200, 40, 40)), ("2", (40, 200, 40)), ("3", (190, 40, 40))):
        picture(tmp_path / f"{name}.png", colour=colour)
    table = tmp_path / "people.csv"
    table.write_text(
        "reference,image,category,response\nA,1.png,victim,red\nB,2.png,witness,green\nA,3.png,victim,red\n"
    )
    desk = Desk()

    desk.enrol(read_source(table))

    assert [len(entry.templates) for entry in desk.sent] == [2, 1]


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("missing", "does not exist"),
        ("text", "not a JPEG or PNG"),
        ("nobody", "no face was found"),
        ("crowd", "2 faces were found"),
        ("small", "too small: 59 pixels between the eyes, at least 60"),
        ("dark", "too dark"),
        ("blurred", "blurred"),
    ],
)
def test_a_bad_picture_is_refused_with_the_reason_and_the_rest_go_on(
    tmp_path: Path, kind: str, why: str
) -> None:
    bad = tmp_path / "bad.png"
    if kind == "text":
        bad.write_text("hello")
    elif kind == "nobody":
        picture(bad, faces=0)
    elif kind == "crowd":
        picture(bad, faces=2)
    elif kind == "small":
        picture(bad, apart=59)
    elif kind == "dark":
        picture(bad, colour=(2, 2, 2))
    elif kind == "blurred":
        picture(bad, blurred=True)
    picture(tmp_path / "good.png")
    table = tmp_path / "people.csv"
    table.write_text(
        "reference,image,category,response\nB,bad.png,victim,red\nG,good.png,victim,red\n"
    )
    desk = Desk()

    report = desk.enrol(read_source(table))

    refused, accepted = report.verdicts
    assert (refused.outcome, refused.place) == (Outcome.REFUSED, "people.csv line 2")
    assert why in refused.reasons[0]
    assert accepted.outcome is Outcome.ACCEPTED
    assert [entry.entry_id for entry in desk.sent] == [entry_id("dep", "G")]
    assert set(desk.kept) == {entry_id("dep", "G")}


def test_a_face_between_the_limits_is_enrolled_with_a_warning(tmp_path: Path) -> None:
    picture(tmp_path / "P-1.png", apart=75)
    desk = Desk()

    (verdict,) = desk.enrol(rows_of(tmp_path)).verdicts

    assert verdict.outcome is Outcome.WARNING
    assert "75 pixels between the eyes" in verdict.reasons[0]
    assert len(desk.sent) == 1


def test_two_references_that_look_alike_are_both_named(tmp_path: Path) -> None:
    picture(tmp_path / "P-1.png")
    picture(tmp_path / "P-2.png", colour=(190, 40, 40))
    picture(tmp_path / "P-3.png", colour=(40, 40, 200))
    report = Desk().enrol(rows_of(tmp_path))

    first, second, third = report.verdicts
    assert [(one.first, one.second) for one in report.collisions] == [("P-1", "P-2")]
    assert report.collisions[0].score > 0.95

    assert (first.outcome, third.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
    assert second.outcome is Outcome.WARNING
    assert "P-2 looks like P-1" in second.reasons[0]


def test_those_enrolled_before_are_compared_with_too(tmp_path: Path) -> None:
    picture(tmp_path / "P-1.png", colour=(200, 0, 0))
    before = {"P-0": np.array([[1, 0, 0]], np.float32), "P-9": np.array([[0, 1, 0]], np.float32)}

    (verdict,) = Desk().enrol(rows_of(tmp_path), known=before).verdicts

    assert "P-1 looks like P-0" in verdict.reasons[0]


def test_a_picture_of_somebody_else_among_a_persons_own_is_warned_of(tmp_path: Path) -> None:
    picture(tmp_path / "P-1" / "a.png")
    picture(tmp_path / "P-1" / "b.png", colour=(40, 40, 200))

    first, second = Desk().enrol(rows_of(tmp_path)).verdicts

    assert first.outcome is Outcome.ACCEPTED
    assert "is it the right person" in second.reasons[0]


def test_rows_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "1.png")
    table = tmp_path / "people.csv"
    table.write_text("reference,image,category,response\nA,1.png,victim,red\nA,1.png,witness,red\n")
    desk = Desk()

    _, second = desk.enrol(read_source(table)).verdicts

    assert second.outcome is Outcome.REFUSED
    assert "make them agree" in second.reasons[0]
    assert [entry.category for entry in desk.sent] == [Category.VICTIM]


def test_names_reasons_and_the_best_picture_are_kept_and_never_sent(tmp_path: Path) -> None:
    picture(tmp_path / "1.png", apart=70)
    picture(tmp_path / "2.png", apart=140)
    table = tmp_path / "people.csv"
    table.write_text(
        "reference,image,category,response,name,reason\n"
        "A,1.png,victim,red,Ada Love,Seen at sea\nA,2.png,victim,red,Ada Love,Seen at sea\n"
    )
    desk = Desk()

    desk.enrol(read_source(table))

    (person,) = desk.kept.values()
    assert (person.name, person.reason, person.reference) == ("Ada Love", "Seen at sea", "A")
    shown = cv2.imdecode(np.frombuffer(person.image_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape[1] > 300
    assert "Ada" not in repr(desk.sent)


def test_the_same_picture_twice_adds_nothing_to_a_person_and_is_told_of_two(tmp_path: Path) -> None:
    picture(tmp_path / "P-1" / "a.png")
    picture(tmp_path / "P-1" / "copy.png")
    picture(tmp_path / "P-2.png")
    desk = Desk()

    _, copy, other = desk.enrol(rows_of(tmp_path)).verdicts

    assert (copy.outcome, other.outcome) == (Outcome.REFUSED, Outcome.WARNING)
    assert copy.reasons == ("P-1 has this very picture already: it adds nothing",)
    assert "the very same picture stands under P-1 too" in other.reasons[0]
    assert [len(entry.templates) for entry in desk.sent] == [1, 1]


def test_an_old_picture_is_warned_of_and_one_of_the_future_refused(tmp_path: Path) -> None:
    for name, colour in (("1", (200, 40, 40)), ("2", (40, 200, 40)), ("3", (40, 40, 200))):
        picture(tmp_path / f"{name}.png", colour=colour)
    table = tmp_path / "people.csv"
    old, recent = NOON.replace(year=NOON.year - 9).date(), NOON.replace(year=NOON.year - 1).date()
    table.write_text(
        "reference,image,category,response,image_date\n"
        f"A,1.png,victim,red,{old}\nB,2.png,victim,red,{recent}\nC,3.png,victim,red,{NOON.year + 1}-01-01\n"
    )

    first, second, third = Desk().enrol(read_source(table)).verdicts

    assert (first.outcome, second.outcome) == (Outcome.WARNING, Outcome.ACCEPTED)
    assert f"9 years old ({old})" in first.reasons[0]
    assert third.outcome is Outcome.REFUSED
    assert "in the future" in third.reasons[0]


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("dark", r"brightness 0\.\d\d, at least 0\.15 is needed"),
        ("blurred", r"sharpness 0\.\d{3}, at least 0\.030 is needed"),
        ("small", "59 pixels between the eyes, at least 60 are needed"),
    ],
)
def test_a_refusal_tells_the_number_and_the_limit(tmp_path: Path, kind: str, number: str) -> None:
    match kind:
        case "dark":
            picture(tmp_path / "P-1.png", colour=(2, 2, 2))
        case "blurred":
            picture(tmp_path / "P-1.png", blurred=True)
        case _:
            picture(tmp_path / "P-1.png", apart=59)

    (verdict,) = Desk().enrol(rows_of(tmp_path)).verdicts

    assert re.search(number, verdict.reasons[0])


@dataclass
class BrokenEmbedder:
    """Answers with what is no template."""

    value: float
    size: int = 112
    dim: int = 3

    def embed(self, chips: Image) -> FloatArray:
        return np.full((len(chips), 3), self.value, dtype=np.float32)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), 3.0])
def test_a_picture_whose_template_has_no_direction_is_refused_and_nobody_enrolled(
    tmp_path: Path, value: float
) -> None:
    picture(tmp_path / "P-1" / "a.png")
    desk = Desk(embedder=BrokenEmbedder(value))

    report = desk.enrol(rows_of(tmp_path))

    assert report.count(Outcome.REFUSED) == 1
    assert "no template could be made" in report.verdicts[0].reasons[0]
    assert desk.sent == []


@pytest.mark.parametrize("value", [0.0, float("nan"), 3.0])
def test_known_templates_without_direction_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="enrol it again"):
        Desk().enrol([], known={"P-9": np.full((1, 3), value, dtype=np.float32)})

"""``lookout evaluate quality``: whether a shot's quality foretells that its person will be recognised."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import numpy.typing as npt
import typer
from lookout.vision.alignment import align_chip
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.detector import Detections
from lookout.vision.pack import LoadedPack, load_pack
from lookout.vision.quality import measure_shot
from rich.table import Table
from scipy.stats import spearmanr

from lookout_cli.console import err, out, told_plainly
from lookout_cli.evaluate.degradations import degradations
from lookout_cli.evaluate.portraits import PeopleArgument, middle_face, people_in, read_image
from lookout_cli.evaluate.samples import Half
from lookout_cli.models.store import DEFAULT_PACK, default_models_folder
from lookout_cli.progress import Report, progress_bars

DISCARDED = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Shares of the worst shots that are left out."""

_FPIR = 0.01
_TENTHS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One probe: whose, spoilt how, its quality, and its template (D,)."""

    person: str
    spoilt: str
    quality: float
    template: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityResult:
    """What quality is worth on one set of shots.

    Attributes:
        shots: probes of enrolled people.
        rank_correlation: Spearman's, of quality with the score against the person's own enrolled picture.
        fnir: share of probes not recognised at FPIR 1 %, when the worst `DISCARDED` shares by quality are left out.
        fnir_ideal: the same, had the score itself been the quality: no measure can do better.
        score_by_tenth: mean score in each tenth of the shots, from the worst quality to the best.
    """

    shots: int
    rank_correlation: float
    fnir: tuple[float, ...]
    fnir_ideal: tuple[float, ...]
    score_by_tenth: tuple[float, ...]


def evaluate_quality(
    loaded: LoadedPack, people: Mapping[str, Sequence[Path]], *, report: Report
) -> dict[str, QualityResult]:
    """Enrol the first picture of whoever has several, spoil the others in every way, and compare.

    The weights of quality were fitted on half a. People with one picture are those who are not enrolled: they set the threshold. Models run on one thread; blocks for
    about 20 milliseconds a shot, and there are 19 of each picture.
    """
    cv2.setNumThreads(1)
    maker = _Maker(loaded)
    enrolled = {name: maker.shots(name, paths[:1], report) for name, paths in people.items()}
    gallery = {
        name: shots[0] for name, shots in enrolled.items() if shots and len(people[name]) > 1
    }
    strangers = [shots[0] for name, shots in enrolled.items() if shots and len(people[name]) == 1]
    threshold = _threshold(gallery, strangers)
    probes: list[Shot] = []
    for number, name in enumerate(gallery, start=1):
        probes += maker.shots(name, people[name][1:], report, spoil=True)
        report("spoiling pictures", number, len(gallery))
    sets = {
        "half a (fitted on)": [shot for shot in probes if Half.A.holds(shot.person)],
        "half b": [shot for shot in probes if Half.B.holds(shot.person)],
    }
    sets["half b, untouched"] = [shot for shot in sets["half b"] if shot.spoilt == "none"]
    return {name: judge(shots, gallery, threshold) for name, shots in sets.items() if shots}


def judge(shots: Sequence[Shot], gallery: Mapping[str, Shot], threshold: float) -> QualityResult:
    """What the quality of these shots is worth."""
    names = list(gallery)
    scores = np.stack([shot.template for shot in shots]) @ _matrix(list(gallery.values())).T
    own = np.array([names.index(shot.person) for shot in shots])
    mated = scores[np.arange(len(shots)), own]
    recognised = (mated >= threshold) & (scores.argmax(axis=1) == own)
    quality = np.array([shot.quality for shot in shots])
    ranked = mated[np.argsort(quality, kind="stable")]
    return QualityResult(
        shots=len(shots),
        rank_correlation=round(float(spearmanr(quality, mated).statistic), 3),
        fnir=fnir_by_discard(quality, recognised),
        fnir_ideal=fnir_by_discard(mated, recognised),
        score_by_tenth=tuple(
            round(float(part.mean()), 3) for part in np.array_split(ranked, _TENTHS) if len(part)
        ),
    )


def fnir_by_discard(
    quality: npt.NDArray[np.floating], recognised: npt.NDArray[np.bool_]
) -> tuple[float, ...]:
    """The error-versus-discard curve at `DISCARDED`: FNIR of what is left."""
    ranked = recognised[np.argsort(quality, kind="stable")]
    left = (ranked[int(share * len(ranked)) :] for share in DISCARDED)
    return tuple(round(1 - float(part.mean()), 4) for part in left)


class _Maker:
    """From pictures to shots, as detection and embedding make them."""

    def __init__(self, loaded: LoadedPack) -> None:
        self._detector, self._refiner = loaded.detector(), loaded.refiner()
        self._embedder = loaded.embedder()
        self._points = loaded.pack.embedder.template_points

    def shots(
        self, person: str, paths: Sequence[Path], report: Report, *, spoil: bool = False
    ) -> list[Shot]:
        """Shots of the face in the middle of each picture; none where there is no face."""
        shots = []
        for path in paths:
            image = read_image(path)
            face = middle_face(self._detector.detect(image), image)
            if face is None:
                continue
            seed = int(hashlib.sha256(path.name.encode()).hexdigest()[:8], 16)
            ways = degradations(np.random.default_rng(seed))
            for way in ways if spoil else ways[:1]:
                spoilt = way.apply(image, face.boxes[0], face.landmarks[0])
                found = middle_face(self._detector.detect(spoilt), spoilt)
                if found is not None:
                    shots.append(self._shot(person, way.name, spoilt, found))
        if not spoil:
            report("enrolling", 1, 0)
        return shots

    def _shot(self, person: str, spoilt: str, image: Image, face: Detections) -> Shot:
        quality = measure_shot(image, face.boxes[0], face.landmarks[0]).overall
        points = self._refiner.refine(image, face).landmarks[0]
        chip = align_chip(image, points, self._points, self._embedder.size)
        template = self._embedder.embed(chip[None])[0]
        return Shot(person=person, spoilt=spoilt, quality=quality, template=template)


def _threshold(gallery: Mapping[str, Shot], strangers: Sequence[Shot]) -> float:
    """The score that one in a hundred strangers reaches."""
    best = (_matrix(strangers) @ _matrix(list(gallery.values())).T).max(axis=1)
    return float(np.quantile(best, 1 - _FPIR))


def _matrix(shots: Sequence[Shot]) -> FloatArray:
    return np.stack([shot.template for shot in shots])


def quality(
    source: PeopleArgument,
    pack: Annotated[str, typer.Option(help="Model pack.")] = DEFAULT_PACK,
    models: Annotated[Path, typer.Option(help="Folder of model files.")] = default_models_folder(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Spoil pictures of people in many ways, and see whether leaving out the poor shots leaves out the unrecognised."""
    with told_plainly():
        people = people_in(source, enrolled=True)
        loaded = load_pack(pack, models)
        with progress_bars(err) as report:
            results = evaluate_quality(loaded, people, report=report)
    if as_json:
        sets = {name: asdict(result) for name, result in results.items()}
        print(json.dumps({"pack": pack, "fpir": _FPIR, "discarded": DISCARDED, "sets": sets}))
    else:
        out.print(_table(results))


def _table(results: Mapping[str, QualityResult]) -> Table:
    columns = [f"{share:.0%} left out" for share in DISCARDED]
    table = Table(
        *("shots", "number", "rank correlation", *columns), title="Share not recognised at FPIR 1 %"
    )
    for name, one in results.items():
        figures = map(str, (one.shots, one.rank_correlation))
        table.add_row(name, *figures, *(f"{value:.1%}" for value in one.fnir))
    return table

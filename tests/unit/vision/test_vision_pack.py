"""Manifests, identities of packs, and the check of model files before they are opened."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from lookout.vision.errors import (
    ManifestError,
    ModelFileCorruptError,
    ModelFileMissingError,
    ModelLoadError,
)
from lookout.vision.manifest import (
    DetectorKind,
    LandmarksSpec,
    LookSpec,
    ModelPack,
    read_pack,
    shipped_packs,
)
from lookout.vision.model_files import SourceFile
from lookout.vision.pack import load_pack

CONTENT = b"not really a model"

MANIFEST = f"""
name: own
version: "1"
description: a force's own models
detector:
  kind: yunet
  file: &file
    name: own.onnx
    bytes: {len(CONTENT)}
    sha256: {hashlib.sha256(CONTENT).hexdigest()}
    licence: MIT
  input: {{colour: bgr}}
  settings: {{longest_side: 640}}
embedder:
  file: *file
  input: {{colour: rgb}}
  size: 112
  dim: 128
  batchable: false
  template: [[38, 52], [74, 52], [56, 72], [42, 92], [70, 92]]
"""


@pytest.fixture(name="manifest")
def manifest_fixture(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


def test_the_shipped_packs_are_readable_and_have_identities_of_their_own() -> None:
    packs = [read_pack(name) for name in shipped_packs()]

    assert [pack.name for pack in packs] == ["dlib", "mobile", "mobile-yunet", "sface"]
    assert len({pack.sha256 for pack in packs}) == 4


@pytest.mark.parametrize("name", ["mobile", "mobile-yunet", "dlib"])
def test_calibrated_packs_give_thresholds_up_to_seventeen_thousand_enrolled(name: str) -> None:
    pack = read_pack(name)

    scores = [pack.threshold(0.01, gallery) for gallery in (1, 100, 500, 17_000)]

    assert scores == sorted(scores)
    assert scores[0] == pack.require_calibration().floor
    assert scores[-1] < 1


def test_a_pack_without_calibration_gives_no_threshold() -> None:
    with pytest.raises(ManifestError, match="pack sface has no calibration"):
        read_pack("sface").threshold(0.01, 100)


def test_an_unknown_pack_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ManifestError, match="no pack named nonesuch; there are dlib, mobile"):
        read_pack("nonesuch")


def test_a_manifest_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        read_pack(tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (MANIFEST, "", "is wrong"),
        ("name: own\n", "name: own\n  - [", "is not YAML"),
        ("size: 112", "size: 112\n  sise: 112", r"embedder\.sise"),
        ("{longest_side: 640}", "{longest_syde: 640}", r"longest_syde"),
        ("{colour: rgb}", "{colour: rgb, std: [0, 1, 1]}", "std must be above 0"),
        ("{colour: rgb}", "{colour: cmyk}", "colour"),
        ("kind: yunet", "kind: haar", r"detector\.kind"),
        ("name: own.onnx", "name: ../own.onnx", r"file\.name"),
        (", [70, 92]]", "]", "template"),
        ("licence: MIT", "licence: MIT\n    preparation: dlib-resnet", "names none"),
    ],
)
def test_a_wrong_manifest_is_refused_and_says_where(
    manifest: Path, old: str, new: str, problem: str
) -> None:
    manifest.write_text(MANIFEST.replace(old, new), encoding="utf-8")

    with pytest.raises(ManifestError, match=problem):
        read_pack(manifest)


def test_a_missing_model_file_is_named_with_the_command_that_brings_it(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissingError, match="run: lookout models pull mobile"):
        load_pack("mobile", tmp_path)


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"!", CONTENT.upper()])
def test_a_model_file_with_other_bytes_is_refused(manifest: Path, content: bytes) -> None:
    (manifest.parent / "own.onnx").write_bytes(content)

    with pytest.raises(ModelFileCorruptError, match=r"must have .*; run: lookout models pull own"):
        load_pack(manifest, manifest.parent)


def test_a_file_that_changes_after_loading_is_refused_when_opened(manifest: Path) -> None:
    model = manifest.parent / "own.onnx"
    model.write_bytes(CONTENT)
    loaded = load_pack(manifest, manifest.parent)
    model.write_bytes(CONTENT.upper())

    with pytest.raises(ModelFileCorruptError):
        loaded.embedder()


def test_a_verified_file_that_is_no_model_is_refused_by_the_runtime(manifest: Path) -> None:
    (manifest.parent / "own.onnx").write_bytes(CONTENT)

    with pytest.raises(ModelLoadError, match="onnxruntime refuses the model"):
        load_pack(manifest, manifest.parent).detector()


LOOK = LookSpec(
    kind=DetectorKind.YUNET,
    file=read_pack("mobile").detector.file,
    input=read_pack("mobile").detector.input,
    crop=2.0,
    side=128,
)
SOURCE = SourceFile(name="own.onnx", bytes=1, sha256="0" * 64)


def changed(pack: ModelPack, what: str) -> ModelPack:
    embedder, detector = pack.embedder, pack.detector
    points = embedder.template
    changes = {
        "embedder weights": replace(
            pack, embedder=replace(embedder, file=replace(embedder.file, sha256="0" * 64))
        ),
        "detector weights": replace(
            pack, detector=replace(detector, file=replace(detector.file, sha256="0" * 64))
        ),
        "input contract": replace(
            pack, embedder=replace(embedder, input=replace(embedder.input, mean=(1.0, 0.0, 0.0)))
        ),
        "template": replace(pack, embedder=replace(embedder, template=((38.5, 52.0), *points[1:]))),
        "mirrored chips": replace(pack, embedder=replace(embedder, mirrored=True)),
        "rounding": replace(
            pack,
            embedder=replace(
                embedder,
                file=replace(
                    read_pack("mobile").embedder.file,
                    source=replace(SOURCE, sha256=embedder.file.sha256),
                ),
            ),
        ),
        "closer looks": replace(pack, landmarks=LandmarksSpec(looks=(LOOK,))),
        "name": replace(pack, name="renamed", version="2", description="other words"),
        "licence": replace(
            pack, embedder=replace(embedder, file=replace(embedder.file, licence="Apache-2.0"))
        ),
        "calibration": replace(pack, calibration=read_pack("mobile").calibration),
        "score threshold": replace(
            pack, detector=replace(detector, settings=replace(detector.settings, nms_iou=0.5))
        ),
    }
    return changes[what]


@pytest.mark.parametrize(
    "what",
    [
        "embedder weights",
        "detector weights",
        "input contract",
        "template",
        "mirrored chips",
        "rounding",
        "closer looks",
    ],
)
def test_what_decides_the_template_space_changes_the_identity(manifest: Path, what: str) -> None:
    pack = read_pack(manifest)

    assert changed(pack, what).sha256 != pack.sha256


@pytest.mark.parametrize("what", ["name", "licence", "calibration", "score threshold"])
def test_what_leaves_templates_comparable_keeps_the_identity(manifest: Path, what: str) -> None:
    pack = read_pack(manifest)

    assert changed(pack, what).sha256 == pack.sha256


@pytest.mark.parametrize("closer", [replace(LOOK, crop=2.1), replace(LOOK, side=160)])
def test_how_closely_a_pack_looks_is_part_of_its_identity(manifest: Path, closer: LookSpec) -> None:
    pack = replace(read_pack(manifest), landmarks=LandmarksSpec(looks=(LOOK,)))

    assert replace(pack, landmarks=LandmarksSpec(looks=(closer,))).sha256 != pack.sha256


def test_identities_of_packs_that_were_in_use_stay_what_they_were() -> None:
    assert read_pack("dlib").sha256.startswith("42da60deafce1764")
    assert read_pack("sface").sha256.startswith("2e8b83fe3791fe23")


def test_whole_numbers_in_a_manifest_make_the_same_identity_as_decimals(manifest: Path) -> None:
    before = read_pack(manifest).sha256
    manifest.write_text(MANIFEST.replace("[38, 52]", "[38.0, 52.0]"), encoding="utf-8")

    assert read_pack(manifest).sha256 == before


def test_every_shipped_file_is_permissively_licensed_and_has_a_source() -> None:
    for pack in map(read_pack, shipped_packs()):
        for file in pack.files:
            assert not file.needs_acknowledgement
            assert file.source is not None
            assert file.source.addresses or file.source.pip

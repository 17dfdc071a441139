"""Packs of other input contracts, by manifest alone; models that change on disk; providers that are absent."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.errors import ModelFileCorruptError, ModelLoadError
from lookout.vision.execution import ExecutionProvider
from lookout.vision.pack import load_pack
from lookout.vision.sessions import require_provider
from support.own_pack import first_pixels, write_pack

CONTRACTS = {
    "sface, 112 BGR 0-255": (112, "{colour: bgr}"),
    "arcface, 112 RGB within 1": (
        112,
        "{colour: rgb, mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5]}",
    ),
    "tensorflow, 112 RGB last": (112, "{colour: rgb, layout: nhwc}"),
    "dlib, 150 RGB 0-255": (150, "{colour: rgb}"),
}


def chip(size: int) -> Image:
    chips = np.zeros((1, size, size, 3), dtype=np.uint8)
    chips[0, 0, 0] = [10, 20, 250]
    chips[0, 0, -1] = [250, 20, 10]
    return chips


def unit(values: list[float]) -> FloatArray:
    return np.asarray(np.array(values) / np.linalg.norm(values), dtype=np.float32)


EXPECTED: dict[str, list[float]] = {
    "sface, 112 BGR 0-255": [11, 21, 251],
    "arcface, 112 RGB within 1": [250 / 127.5, 20 / 127.5, 10 / 127.5],
    "tensorflow, 112 RGB last": [251, 21, 11],
    "dlib, 150 RGB 0-255": [251, 21, 11],
}


@pytest.mark.parametrize("name", list(CONTRACTS))
def test_a_pack_of_another_input_contract_loads_by_its_manifest_alone(
    tmp_path: Path, name: str
) -> None:
    size, contract = CONTRACTS[name]
    embedder = load_pack(write_pack(tmp_path, size, contract), tmp_path).embedder()

    (template,) = embedder.embed(chip(size))

    assert (embedder.size, embedder.dim) == (size, 3)
    np.testing.assert_allclose(template, unit(EXPECTED[name]), rtol=1e-5)


def test_mirrored_averaging_is_a_word_in_the_manifest(tmp_path: Path) -> None:
    manifest = write_pack(tmp_path, 112, "{colour: bgr}", mirrored=True)

    (template,) = load_pack(manifest, tmp_path).embedder().embed(chip(112))

    both = unit([11, 21, 251]) + unit([251, 21, 11])
    np.testing.assert_allclose(template, both / np.linalg.norm(both), rtol=1e-5)


def test_a_model_swapped_on_disk_changes_nothing_for_who_has_it_open_and_stops_who_starts(
    tmp_path: Path,
) -> None:
    manifest = write_pack(tmp_path, 112, "{colour: bgr}")
    running = load_pack(manifest, tmp_path).embedder()
    before = running.embed(chip(112))

    (tmp_path / "own.onnx").write_bytes(first_pixels(112, last=False, factor=-3.0))

    np.testing.assert_array_equal(running.embed(chip(112)), before)
    with pytest.raises(ModelFileCorruptError, match=r"must have .*; run: lookout models pull own"):
        load_pack(manifest, tmp_path)


def test_a_provider_that_is_absent_is_refused_before_any_model_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    manifest = write_pack(tmp_path, 112, "{colour: bgr}")

    with pytest.raises(ModelLoadError, match=r"cuda .* is not available .*onnxruntime-gpu"):
        load_pack(manifest, tmp_path, provider=ExecutionProvider.CUDA)


def test_a_provider_that_is_there_but_does_not_start_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA: it may well start")
    # What a machine without a device shows: the provider is built in, and the session goes on with the CPU.
    monkeypatch.setattr(
        onnxruntime,
        "get_available_providers",
        lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    open_session = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda model, sess_options, providers: open_session(
            model, sess_options, providers=["CPUExecutionProvider"]
        ),
    )
    manifest = write_pack(tmp_path, 112, "{colour: bgr}")
    loaded = load_pack(manifest, tmp_path, provider=ExecutionProvider.CUDA)

    with pytest.raises(ModelLoadError, match="cuda did not start"):
        loaded.embedder()


def test_the_cpu_is_always_there() -> None:
    require_provider(ExecutionProvider.CPU)

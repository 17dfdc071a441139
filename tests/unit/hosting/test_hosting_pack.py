"""The model pack of a service: what computes it, and what the metrics say of it."""

from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest
from lookout.hosting.platform import Platform
from lookout.hosting.settings import PlatformSettings
from lookout.vision.errors import ModelFileCorruptError, ModelFileMissingError, ModelLoadError
from lookout.vision.execution import ExecutionProvider
from lookout.vision.pack import LoadedPack
from lookout_embedding.__main__ import build
from lookout_embedding.settings import Settings as EmbeddingSettings
from support.own_pack import first_pixels, write_pack
from support.scene import pulled_models


def with_settings(platform: Platform, **changes: object) -> Platform:
    settings = PlatformSettings.model_validate(platform.settings.model_dump() | changes)
    return replace(platform, settings=settings)


def test_a_service_told_to_use_a_gpu_that_is_absent_does_not_start_with_the_cpu(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKOUT_ONNX_PROVIDER", "cuda")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    told = with_settings(platform, onnx_provider=PlatformSettings().onnx_provider)

    with pytest.raises(ModelLoadError, match=r"cuda .* is not available .*LOOKOUT_ONNX_PROVIDER"):
        told.load_pack()


def test_a_service_without_its_model_files_does_not_start(
    platform: Platform, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileMissingError, match="lookout models pull mobile"):
        with_settings(platform, models_folder=tmp_path).load_pack()


@pytest.mark.models
def test_the_metrics_name_the_pack_its_hash_and_what_computes_it(
    platform: Platform, tmp_path: Path
) -> None:
    loaded: LoadedPack = with_settings(platform, models_folder=pulled_models(tmp_path)).load_pack()

    (info,) = [m for m in platform.registry.collect() if m.name == "lookout_model"]
    assert info.samples[0].labels == {
        "pack": "mobile",
        "version": loaded.pack.version,
        "sha256": loaded.pack.sha256,
        "provider": ExecutionProvider.CPU,
    }


def test_a_service_whose_model_file_was_swapped_is_not_built_again(
    platform: Platform, tmp_path: Path
) -> None:
    manifest = write_pack(tmp_path, 112, "{colour: bgr}")
    own = with_settings(platform, pack=str(manifest), models_folder=tmp_path)
    build(own, EmbeddingSettings())

    (tmp_path / "own.onnx").write_bytes(first_pixels(112, last=False, factor=-3.0))

    with pytest.raises(ModelFileCorruptError, match="run: lookout models pull own"):
        build(
            with_settings(platform, pack=str(manifest), models_folder=tmp_path), EmbeddingSettings()
        )

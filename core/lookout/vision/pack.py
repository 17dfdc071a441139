"""Model packs, opened: the models that a manifest names (`lookout.vision.manifest`).

The model files themselves are never shipped: `lookout models pull` brings them to the models
folder, and `load_pack` opens them only after their size and SHA-256 have been checked.
"""

from dataclasses import dataclass
from pathlib import Path

from lookout.vision.contract import InputContract
from lookout.vision.detector import CenterFaceDetector, FaceDetector, YuNetDetector
from lookout.vision.embedder import Embedder, MirroredEmbedder, OnnxEmbedder
from lookout.vision.execution import DetectorSettings, ExecutionProvider
from lookout.vision.landmarks import CloserLooks, DetectorLandmarks, LandmarkRefiner, Look
from lookout.vision.manifest import DetectorKind, LookSpec, ModelPack, read_pack
from lookout.vision.model_files import ModelFile, read_verified
from lookout.vision.sessions import OnnxRunner, require_provider

_LOOK_SCORE = 0.1
"""A crop holds a face, for it was found there: the closer look need not be sure again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPack:
    """A pack whose files have been verified; models are opened on demand."""

    pack: ModelPack
    models_folder: Path
    provider: ExecutionProvider = ExecutionProvider.CPU

    def detector(
        self, *, threads: int = 1, settings: DetectorSettings | None = None
    ) -> FaceDetector:
        """Open the detector; the bytes that are verified are the bytes that are loaded.

        Args:
            threads: of one detection.
            settings: how it looks; as the manifest says where None.

        Raises:
            PackError: the file has changed since, or is not what the manifest says.
        """
        spec = self.pack.detector
        runner = self._runner(spec.file, threads)
        return _detector(spec.kind, runner, spec.input, settings or spec.settings)

    def refiner(self, *, threads: int = 1) -> LandmarkRefiner:
        """Open what refines landmarks before chips are cut; see `detector`."""
        if self.pack.landmarks is None:
            return DetectorLandmarks()
        return CloserLooks([self._look(spec, threads) for spec in self.pack.landmarks.looks])

    def embedder(self, *, threads: int = 1) -> Embedder:
        """Open the embedder; see `detector`."""
        spec = self.pack.embedder
        plain = OnnxEmbedder(
            self._runner(spec.file, threads),
            contract=spec.input,
            size=spec.size,
            dim=spec.dim,
            batchable=spec.batchable,
        )
        return MirroredEmbedder(plain) if spec.mirrored else plain

    def _look(self, spec: LookSpec, threads: int) -> Look:
        settings = DetectorSettings(longest_side=spec.side, score_threshold=_LOOK_SCORE)
        detector = _detector(spec.kind, self._runner(spec.file, threads), spec.input, settings)
        return Look(detector=detector, crop=spec.crop, side=spec.side)

    def _runner(self, file: ModelFile, threads: int) -> OnnxRunner:
        model = read_verified(file, self.models_folder, self.pack.name)
        return OnnxRunner(model, threads=threads, provider=self.provider)


def load_pack(
    name_or_path: str | Path,
    models_folder: Path,
    *,
    provider: ExecutionProvider = ExecutionProvider.CPU,
) -> LoadedPack:
    """Read a manifest and verify its model files.

    Args:
        name_or_path: the name of a shipped pack, or the path of a manifest.
        models_folder: where the model files lie.
        provider: what computes; there is no silent fallback to another.

    Raises:
        PackError: the manifest or a file is missing or wrong, or the provider is absent; the text says what to do.
    """
    require_provider(provider)
    pack = read_pack(name_or_path)
    for file in pack.files:
        read_verified(file, models_folder, pack.name)
    return LoadedPack(pack=pack, models_folder=models_folder, provider=provider)


def _detector(
    kind: DetectorKind, runner: OnnxRunner, contract: InputContract, settings: DetectorSettings
) -> FaceDetector:
    if kind is DetectorKind.YUNET:
        return YuNetDetector(runner, contract=contract, settings=settings)
    return CenterFaceDetector(runner, contract=contract, settings=settings)

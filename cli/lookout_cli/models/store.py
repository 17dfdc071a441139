"""Where model files are kept on this machine, and which pack is there."""

from pathlib import Path

from lookout.vision.errors import PackError
from lookout.vision.manifest import ModelPack, read_pack, shipped_packs
from lookout.vision.pack import load_pack

DEFAULT_PACK = "mobile"


def default_models_folder() -> Path:
    """Where model files are kept between runs."""
    return Path.home() / ".cache" / "lookout" / "models"


def why_not_there(pack: ModelPack, folder: Path) -> str:
    """Why a pack cannot be used from ``folder``; empty when it can."""
    try:
        load_pack(pack.name, folder)
    except PackError as error:
        return str(error)
    return ""


def all_packs() -> list[ModelPack]:
    """The packs that Lookout ships manifests of, by name."""
    return [read_pack(name) for name in shipped_packs()]

"""Settings that matching alone needs."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class GalleryKind(StrEnum):
    """Where templates are searched."""

    LOCAL = "local"
    EDGE = "edge"
    SERVER = "server"


class Settings(BaseSettings):
    """Read from the environment by ``__main__``, prefix ``LOOKOUT_MATCHING_``."""

    model_config = SettingsConfigDict(env_prefix="LOOKOUT_MATCHING_")

    gallery: GalleryKind = Field(
        default=GalleryKind.EDGE,
        description="edge (in this process, files in memory-backed storage), local (in this process, pure Python), "
        "or server (Qdrant by URL).",
    )
    gallery_folder: Path | None = Field(
        default=None,
        description="Where edge keeps its files while it runs; /dev/shm if there is room, else the temporary folder.",
    )
    gallery_url: str = Field(
        default="", description="Qdrant server, https://host:6333; only with server."
    )
    gallery_api_key_file: Path | None = Field(
        default=None, description="File with Qdrant's API key; matching's own."
    )
    gallery_ca: Path | None = Field(
        default=None, description="CA bundle (PEM) that signs the Qdrant server's certificate."
    )
    gallery_timeout_s: int = Field(
        default=2, ge=1, le=60, description="Seconds that a Qdrant server has to answer."
    )
    most_shots: int = Field(
        default=5,
        ge=1,
        description="Most shots of a track that are compared, unless a deployment's confirmation needs more. Thresholds hold "
        "for a pass of so many chances of a false match; what detection sends beyond it (LOOKOUT_DETECTION_MOST_SHOTS) is destroyed.",
    )
    freshness_s: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="Age in seconds, from capture, at which an embedding is destroyed instead of compared.",
    )
    watchlist_wait_s: float = Field(
        default=5.0,
        ge=0,
        le=60,
        description="Seconds that embeddings wait for a watchlist that is not in force yet, before they are destroyed.",
    )
    silence_s: float = Field(
        default=4.0,
        gt=0,
        le=60,
        description="Seconds without another shot after which a track's pending shots are unconfirmed.",
    )
    pending_margin_s: float = Field(
        default=30.0,
        gt=0,
        le=300,
        description="Seconds that a pending shot's key outlives the silence limit, for a restart.",
    )
    track_memory_s: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Seconds that a silent track's confirmed entries are remembered.",
    )
    evidence_s: float = Field(
        default=600.0,
        ge=60,
        le=3600,
        description="Seconds that a match's key lives, for the console to take the evidence.",
    )

"""Embedding's own settings, each by an environment variable ``LOOKOUT_EMBEDDING_…``."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """How chips are embedded."""

    model_config = SettingsConfigDict(env_prefix="LOOKOUT_EMBEDDING_", frozen=True)

    freshness_s: float = Field(
        default=5.0,
        gt=0,
        description="Faces captured longer ago are destroyed without being opened.",
    )
    shed_after_s: float = Field(
        default=1.0,
        gt=0,
        description="When the oldest face of a batch is older, shots that no confirmation needs are destroyed unopened.",
    )
    max_batch: int = Field(default=8, ge=1, description="Chips given to the model at a time.")

    @property
    def freshness(self) -> timedelta:
        """`freshness_s` as a span."""
        return timedelta(seconds=self.freshness_s)

    @property
    def shed_after(self) -> timedelta:
        """`shed_after_s` as a span."""
        return timedelta(seconds=self.shed_after_s)

"""Settings that alerting alone needs."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from lookout_alerting.domain import Rules


class Settings(BaseSettings):
    """Read from the environment by ``__main__``, prefix ``LOOKOUT_ALERTING_``."""

    model_config = SettingsConfigDict(env_prefix="LOOKOUT_ALERTING_")

    gap_s: float = Field(
        default=60.0,
        ge=1.0,
        le=3600.0,
        description="Seconds without a sighting after which the same person is alerted again.",
    )
    discard_after_s: float = Field(
        default=600.0,
        ge=1.0,
        le=3600.0,
        description="Age in seconds at which a match alerts nobody any more; the life of its evidence.",
    )

    def rules(self) -> Rules:
        """The rules of the decision."""
        return Rules(
            gap=timedelta(seconds=self.gap_s),
            discard_after=timedelta(seconds=self.discard_after_s),
        )

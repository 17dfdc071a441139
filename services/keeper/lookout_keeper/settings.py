"""What the keeper alone can be told. Environment: ``LOOKOUT_KEEPER_…``."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="LOOKOUT_KEEPER_", frozen=True)

    signer: str = Field(
        default="keeper",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="name that receipts are signed in; its private key is signing/<name> in the vault",
    )
    turn_every_s: float = Field(
        default=0.5, gt=0, description="how often destroyed keys' receipts are taken to the topic"
    )
    turn_size: int = Field(
        default=5000, ge=1, description="most receipts taken out of the keyring at a time"
    )
    sweep_every_s: float = Field(
        default=5.0,
        gt=0,
        description="how often keys that are gone without a receipt are looked for",
    )
    unknown_after_s: float = Field(
        default=10.0,
        gt=0,
        description="how long an announced block may be unknown to the keyring before it counts as lost",
    )
    idle_after_s: float = Field(
        default=600.0,
        gt=0,
        description="how long a block may give no key before it is closed; its service announces another",
    )

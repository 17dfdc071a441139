"""What the keeper alone can be told. Environment: ``LOOKOUT_KEEPER_…``."""

from pathlib import Path

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
    close_grace_s: float = Field(
        default=2.0,
        ge=0,
        description="how long after its end a deployment's purge waits for what is under way",
    )
    close_patience_s: float = Field(
        default=10.0,
        gt=0,
        description="how long a purge waits for matching and for receipts before its certificate says what is missing",
    )
    close_again_s: float = Field(
        default=5.0,
        gt=0,
        description="how often a purge that waits for evidence or for other deployments' records is tried again",
    )
    anchor_folder: Path | None = Field(
        default=None,
        description="folder for anchors of the chain's head, a file a day; take them away, out of the broker's reach",
    )
    anchor_every_s: float = Field(
        default=60.0, gt=0, description="how often the chain's head is anchored"
    )
    anchor_links: int = Field(
        default=1000, ge=1, description="after how many links it is anchored at the latest"
    )
    anchor_webhook_url_file: Path | None = Field(
        default=None,
        description="file with the URL that anchors are posted to as well; a file, because URLs hold tokens",
    )
    anchor_webhook_secret_file: Path | None = Field(
        default=None, description="file with the bearer token for it"
    )

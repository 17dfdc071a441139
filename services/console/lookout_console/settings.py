"""What the console alone can be told. Environment: ``LOOKOUT_CONSOLE_…``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Secrets are files, named by path."""

    model_config = SettingsConfigDict(
        env_prefix="LOOKOUT_CONSOLE_", frozen=True, hide_input_in_errors=True
    )

    database_url: str = Field(
        default="sqlite:///console.db",
        description="SQLAlchemy URL without a password: sqlite:///FILE, or postgresql+pg8000://USER@HOST/NAME",
    )
    database_url_file: Path | None = Field(
        default=None, description="file with the URL instead, which may then hold the password"
    )
    database_password_file: Path | None = Field(
        default=None, description="file with the database's password"
    )
    database_ca_file: Path | None = Field(
        default=None,
        description="CA certificates (PEM) that sign the database server's: TLS, or no connection (PostgreSQL)",
    )
    signer: str = Field(
        default="console",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="name that control records are signed in; its private key is signing/<name> in the vault",
    )
    host: str = Field(default="127.0.0.1", description="address that the pages are served at")
    port: int = Field(default=8080, ge=0, le=65535, description="port for them; 0 takes a free one")
    certificate_file: Path | None = Field(
        default=None, description="certificate chain (PEM) that the pages are served with, over TLS"
    )
    certificate_key_file: Path | None = Field(
        default=None, description="private key (PEM) of that certificate"
    )
    tls: bool = Field(
        default=False, description="pages are reached by https: cookies and headers say so"
    )
    proxies: str = Field(
        default="", description="addresses of reverse proxies whose forwarded headers are believed"
    )
    oidc_issuer: str = Field(default="", description="OpenID provider; empty for local accounts")
    oidc_client_id: str = Field(default="", description="this console's id at the provider")
    oidc_client_secret_file: Path | None = Field(
        default=None, description="file with the client secret"
    )
    oidc_redirect_uri: str = Field(
        default="", description="where the provider sends people back to"
    )
    oidc_roles: Mapping[str, str] = Field(
        default_factory=dict, description="the provider's groups and the console's roles, as JSON"
    )
    oidc_name: str = Field(default="", description="what the sign-in page calls the provider")
    local_accounts: bool = Field(
        default=True, description="accounts with a password of the console's own"
    )
    first_link_file: Path | None = Field(
        default=None,
        description="where the administrator's one-time sign-in link is written while nobody has an account",
    )
    channels_file: Path | None = Field(
        default=None,
        description="file with one Apprise address a line, of channels that are told of alerts and deployments",
    )
    push_key_file: Path | None = Field(
        default=None,
        description="file with a P-256 private key in PEM, to wake handsets by web push; none: no push",
    )
    push_contact: str = Field(
        default="", description="mailto: or https: address that push services may write to"
    )
    stops_above_ceiling: bool = Field(
        default=False,
        description="a deployment stops by itself when false alerts are beyond doubt above 1 in 1,000 faces",
    )
    plant_every_min: float = Field(
        default=0.0,
        ge=0,
        description="mean minutes between planted alerts that are known to be false; 0 plants none",
    )
    forget_every_s: float = Field(
        default=60.0, gt=0, description="how often what is due is forgotten"
    )

    @model_validator(mode="after")
    def _certificate_with_its_key(self) -> Self:
        if (self.certificate_file is None) != (self.certificate_key_file is None):
            raise ValueError(
                "pages over TLS need both LOOKOUT_CONSOLE_CERTIFICATE_FILE and LOOKOUT_CONSOLE_CERTIFICATE_KEY_FILE"
            )
        return self

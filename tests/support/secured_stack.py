"""The local stack on a secured Kafka and a secured keyring: every process under its own service's credentials."""

from collections.abc import Mapping
from pathlib import Path

from lookout.hosting.settings import KafkaSection, PlatformSettings
from lookout_cli.production.acls import USER_PREFIX
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.local import LocalStack
from support.secured_kafka import Secured
from support.secured_keyring import SecuredKeyring

SERVICES = ("keeper", "matching", "alerting", "embedding", "detection", "capture", "console")


class SecuredStack(LocalStack):
    """The command line itself goes by the credentials of the role ``cli``."""

    def __init__(self, secured: Secured, *, folder: Path, models: Path) -> None:
        super().__init__(
            folder=StateFolder(folder),
            with_kafka=False,
            pack="mobile",
            models=models,
            say=lambda _: None,
        )
        self.broker = None
        self._secured = secured
        self._keyring = SecuredKeyring(folder.parent / "keyring", secured.authority)
        self.keyring = self._keyring

    @property
    def bootstrap(self) -> str:
        """See `LocalStack`."""
        return self._secured.node.bootstrap

    def settings(self, service: str = "", metrics_port: int = 0) -> PlatformSettings:
        """See `LocalStack`."""
        settings = super().settings(service, metrics_port)
        user = f"{USER_PREFIX}cli"
        return settings.model_copy(
            update={
                "keyring_username": user,
                "keyring_password_file": self._keyring.password_file("cli"),
                "keyring_ca_file": self._secured.authority.ca_file,
                "kafka": KafkaSection(
                    bootstrap=self.bootstrap,
                    security_protocol="SASL_SSL",
                    username=user,
                    password_file=self._secured.password_file("cli"),
                    ca_file=self._secured.authority.ca_file,
                ),
            }
        )

    def credentials(self) -> Mapping[str, Mapping[str, str]]:
        """What each service's process is told of who it is."""
        return {
            service: {
                **self._secured.environment(service),
                **self._keyring.environment(service),
            }
            for service in SERVICES
        }

    def _create_topics(self) -> None:
        """The topics' job has made them: the command line may not."""

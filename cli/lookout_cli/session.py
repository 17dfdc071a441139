"""How a command reaches a system: the local stack that runs on the state folder, else the one that the environment names."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lookout.hosting.platform import Platform, make_platform
from lookout.hosting.settings import KafkaSection, PlatformSettings
from lookout.sealing.signing import Signer

from lookout_cli.control import ControlPlane
from lookout_cli.people.evidence import EvidenceStore
from lookout_cli.people.ledger import MembershipLedger
from lookout_cli.people.store import PeopleStore
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.local import CLI_SIGNER


@dataclass(frozen=True, slots=True)
class Session:
    """A command's connection: the platform, the control topics, and where the command line keeps what it knows."""

    platform: Platform
    control: ControlPlane
    folder: StateFolder

    @property
    def people(self) -> PeopleStore:
        """Who is enrolled, sealed."""
        return PeopleStore(root=self.folder.people, vault=self.platform.vault)

    @property
    def evidence(self) -> EvidenceStore:
        """Alert evidence taken, sealed."""
        return EvidenceStore(root=self.folder.evidence, vault=self.platform.vault)

    @property
    def ledger(self) -> MembershipLedger:
        """Who was on which watchlist, sealed."""
        return MembershipLedger(root=self.folder.ledger, vault=self.platform.vault)


@contextmanager
def connected(state: Path) -> Iterator[Session]:
    """Connect to the stack that runs on ``state``; where none does and Kafka is named in the environment, to that.

    Raises:
        StackError: neither is there.
    """
    platform = make_platform("cli", settings_of(state))
    try:
        yield session_on(platform, StateFolder(state))
    finally:
        platform.close()


def settings_of(state: Path) -> PlatformSettings:
    """The settings of the stack that runs on ``state``, or of the system that the environment names.

    Raises:
        StackError: neither is there.
    """
    settings = PlatformSettings()
    if "bootstrap" in settings.kafka.model_fields_set:
        return settings
    folder = StateFolder(state)
    stack = folder.running()
    return PlatformSettings(
        keyring_url=stack.keyring_url,
        vault_folder=folder.vault,
        vault_secret_file=folder.vault_secret,
        trust_file=folder.trust,
        demonstration=True,
        pack=stack.pack,
        instance="cli",
        kafka=KafkaSection(bootstrap=stack.bootstrap),
    )


def session_on(platform: Platform, folder: StateFolder) -> Session:
    """A session on a platform that is there already."""
    signer = Signer(CLI_SIGNER, platform.vault.get_or_create(f"signing/{CLI_SIGNER}"))
    return Session(platform, ControlPlane(platform=platform, signer=signer), folder)

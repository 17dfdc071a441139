"""A platform on a broker and a keyring in memory, with secrets of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookout.hosting.footing import KeyringWatch
from lookout.hosting.platform import Platform, make_platform
from lookout.hosting.settings import PlatformSettings
from lookout.stream.memory import MemoryBroker
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.local import prepare_secrets
from support.keyrings import MemoryKeyring


def settings_in(folder: Path) -> PlatformSettings:
    """Settings whose vault and trust file are there; the keyring's address leads nowhere."""
    state = StateFolder(folder / "state")
    state.prepare()
    prepare_secrets(state)
    return PlatformSettings(
        instance="test-1",
        keyring_url=f"unix://{folder}/nowhere.sock",
        vault_folder=state.vault,
        vault_secret_file=state.vault_secret,
        trust_file=state.trust,
    )


@contextmanager
def platform_on(
    settings: PlatformSettings, broker: MemoryBroker, keyring: MemoryKeyring, name: str = "test"
) -> Iterator[Platform]:
    """A platform whose topics are there, closed at the end."""
    platform = make_platform(name, settings, broker=broker)
    platform.keyring = keyring
    platform.keyring_watch = KeyringWatch(
        ask_time=platform.clock, check=keyring.check, clock=platform.clock
    )
    broker.create_topics([topic.spec for topic in platform.catalogue.topics])
    yield platform
    platform.close()

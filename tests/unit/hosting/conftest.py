"""A platform on a broker and a keyring in memory, with secrets of its own."""

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from lookout.hosting.footing import KeyringWatch
from lookout.hosting.platform import Platform, make_platform
from lookout.hosting.settings import PlatformSettings
from lookout.stream.memory import MemoryBroker
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.local import prepare_secrets
from support.keyrings import MemoryKeyring


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> PlatformSettings:
    """Settings whose vault and trust file are there; the keyring's address leads nowhere."""
    folder = StateFolder(tmp_path / "state")
    folder.prepare()
    prepare_secrets(folder)
    return PlatformSettings(
        instance="test-1",
        keyring_url=f"unix://{tmp_path}/nowhere.sock",
        vault_folder=folder.vault,
        vault_secret_file=folder.vault_secret,
        trust_file=folder.trust,
    )


@pytest.fixture(name="broker")
def broker_fixture() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture(name="keyring")
def keyring_fixture() -> MemoryKeyring:
    return MemoryKeyring()


@pytest.fixture(name="platform")
def platform_fixture(
    settings: PlatformSettings, broker: MemoryBroker, keyring: MemoryKeyring
) -> Iterator[Platform]:
    platform = make_platform("test", settings, broker=broker)
    platform.keyring = keyring
    platform.keyring_watch = KeyringWatch(
        ask_time=platform.clock, check=keyring.check, clock=platform.clock
    )
    broker.create_topics([topic.spec for topic in platform.catalogue.topics])
    yield platform
    platform.close()


@pytest.fixture(name="process")
def process_fixture() -> Iterator[None]:
    """Puts back what a service does to the process that hosts it: signals and logging."""
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    for number, handler in signals.items():
        signal.signal(number, handler)
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()

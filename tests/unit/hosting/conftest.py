"""A platform on a broker and a keyring in memory, with secrets of its own."""

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from lookout.hosting.platform import Platform
from lookout.hosting.settings import PlatformSettings
from lookout.stream.memory import MemoryBroker
from support.keyrings import MemoryKeyring
from support.platforms import platform_on, settings_in


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> PlatformSettings:
    return settings_in(tmp_path)


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
    with platform_on(settings, broker, keyring) as platform:
        yield platform


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

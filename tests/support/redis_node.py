"""A real keyring server for tests marked ``redis``."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from lookout.sealing.keyring import KeyringAddress, RedisKeyring
from lookout_cli.local.keyring import LocalKeyring, LocalKeyringError, server_binary


@contextmanager
def running_keyring(folder: Path) -> Iterator[LocalKeyring]:
    """A started server in ``folder``, stopped at the end. Skips the test where there is no server binary."""
    try:
        server_binary()
    except LocalKeyringError as error:
        pytest.skip(str(error))
    node = LocalKeyring(folder)
    try:
        node.start()
        yield node
    finally:
        node.stop()


@contextmanager
def connected(
    node: LocalKeyring, timeout: timedelta = timedelta(seconds=5)
) -> Iterator[RedisKeyring]:
    """A client of the server, disconnected at the end."""
    keyring = RedisKeyring(KeyringAddress(url=node.url, timeout=timeout))
    try:
        yield keyring
    finally:
        keyring.disconnect()

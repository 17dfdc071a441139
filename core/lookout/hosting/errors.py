"""Errors that a person can do something about: their text says what."""

from lookout.schema_ids import SchemaIdError
from lookout.sealing.ports import CannotOpenError, KeyGoneError, KeyringUnavailableError, VaultError
from lookout.sealing.signing import TrustError
from lookout.stream.ports import StreamError
from lookout.telemetry.health import PortInUseError
from lookout.topics import CatalogueError
from lookout.vision.errors import PackError

KNOWN_ERRORS: tuple[type[Exception], ...] = (
    CannotOpenError,
    CatalogueError,
    KeyGoneError,
    KeyringUnavailableError,
    PortInUseError,
    SchemaIdError,
    StreamError,
    TrustError,
    VaultError,
    PackError,
)

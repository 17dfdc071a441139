"""What all tables share: their metadata, and how a time is kept."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, Dialect, MetaData, TypeDecorator

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

metadata: Final = MetaData()


class Instant(TypeDecorator[datetime]):
    """A timezone-aware UTC time as whole microseconds since 1970: the same on SQLite and PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To what is kept."""
        del dialect
        return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From what is kept."""
        del dialect
        return None if value is None else _EPOCH + timedelta(microseconds=value)

"""Column types that keep the core's own types: UTC times, levels, a reader's grade, enums by their value."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import DateTime, Dialect, Enum, Float, SmallInteger
from sqlalchemy.types import TypeDecorator

from vfscreen.anatomy import Level
from vfscreen.genant import ReadGrade

_ENUM_LENGTH = 32


class UtcTime(TypeDecorator[datetime]):
    """A point in time; SQLite keeps no time zone, so all are stored as UTC.

    Raises:
        ValueError: a time without a time zone.
    """

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time is stored only with its time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class LevelColumn(TypeDecorator[Level]):
    """A level, stored as its VerSe label."""

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: Level | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Level | None:
        return None if value is None else Level(value)


class GradeColumn(TypeDecorator[ReadGrade]):
    """A reader's grade, stored as 0, 0.5, 1, 2 or 3; NULL is not graded."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: ReadGrade | None, dialect: Dialect) -> float | None:
        return None if value is None else value.value

    def process_result_value(self, value: float | None, dialect: Dialect) -> ReadGrade | None:
        return None if value is None else ReadGrade(value)


def words(kind: type[StrEnum]) -> Enum:
    """Returns the column type of an enum, stored as its words."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,  # a new word in a later release must not need a rebuilt table
        validate_strings=True,
        length=_ENUM_LENGTH,
        values_callable=lambda members: [member.value for member in members],
    )

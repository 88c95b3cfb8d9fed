"""The tables. Readings, acts, what was shown and events are append-only; triggers in the migrations guard them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.columns import GradeColumn, LevelColumn, UtcTime, words
from vfscreen.anatomy import Level
from vfscreen.cases import GeometrySource, Split
from vfscreen.findings import Mode, NotAssessable, OtherDeformity, Phase
from vfscreen.genant import ReadGrade, Reference, Shape

SCHEMA_NUMBER = 2
"""Stands in the file; a file with a greater number was written by a newer vfscreen."""


class ActKind(StrEnum):
    """What a reader did: something new, or taking it back, or doing it again."""

    DO = "do"
    UNDO = "undo"
    REDO = "redo"


class Base(DeclarativeBase):
    """All tables; constraints have names so that later migrations can speak of them."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {float: Double()}
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class PatientRow(Base):
    """A patient, known by pseudonym alone; the split is drawn once."""

    __tablename__ = "patient"
    id: Mapped[int] = mapped_column(primary_key=True)
    pseudonym: Mapped[str] = mapped_column(unique=True)
    split: Mapped[Split] = mapped_column(words(Split))
    added_at: Mapped[datetime] = mapped_column(UtcTime)


class StudyRow(Base):
    """One examination of a patient; `key` is its UID, or its date, or the series where neither is known."""

    __tablename__ = "study"
    __table_args__ = (UniqueConstraint("patient_id", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    key: Mapped[str]
    date: Mapped[str]


class SeriesRow(Base):
    """An imported series: where it lies, and what its header says of it."""

    __tablename__ = "series"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    uid: Mapped[str | None] = mapped_column(unique=True)
    sha256: Mapped[str | None] = mapped_column(unique=True)
    source: Mapped[str]
    files: Mapped[list[str]] = mapped_column(JSON)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    warnings: Mapped[list[str]] = mapped_column(JSON)
    added_at: Mapped[datetime] = mapped_column(UtcTime)


class BodyRow(Base):
    """A vertebral body; never renamed. `gone_at` is when a screening no longer found it, NULL while it is shown."""

    __tablename__ = "body"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    series_id: Mapped[str] = mapped_column(ForeignKey("series.id"), index=True)
    present_version: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(UtcTime)
    gone_at: Mapped[datetime | None] = mapped_column(UtcTime)


class GeometryRow(Base):
    """One version of a body's points and level; `replaces` is the one shown before it. Units: mm. Frame: LPS.

    `removed` says that the reader who made this version calls the body no vertebra; it is not shown then.
    """

    __tablename__ = "geometry"
    body_id: Mapped[str] = mapped_column(ForeignKey("body.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[GeometrySource] = mapped_column(words(GeometrySource))
    who: Mapped[str]
    level: Mapped[Level] = mapped_column(LevelColumn)
    level_certain: Mapped[bool]
    whole: Mapped[bool]
    confidence: Mapped[float]
    uncertainty_mm: Mapped[float | None]
    centre_lps_mm: Mapped[list[float]] = mapped_column(JSON)
    points_lps_mm: Mapped[list[list[float]] | None] = mapped_column(JSON(none_as_null=True))
    axes: Mapped[list[list[float]] | None] = mapped_column(JSON(none_as_null=True))
    heights_mm: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True))
    flags: Mapped[list[str]] = mapped_column(JSON)
    time: Mapped[datetime] = mapped_column(UtcTime)
    replaces: Mapped[int | None]
    act_id: Mapped[int | None] = mapped_column(ForeignKey("act.id"), index=True)
    removed: Mapped[bool] = mapped_column(default=False, server_default=text("0"))


class ScreeningRow(Base):
    """One run of the program over one series."""

    __tablename__ = "screening"
    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[str] = mapped_column(ForeignKey("series.id"))
    localiser: Mapped[str]
    grader: Mapped[str]
    refusals: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    warnings: Mapped[list[str]] = mapped_column(JSON)
    seconds: Mapped[dict[str, float]] = mapped_column(JSON)
    time: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (Index(None, "series_id", "grader"),)


class PredictionRow(Base):
    """What was measured and suggested on one geometry of a body; without a screening it was asked for that body alone.

    `embedding` is little-endian float32.
    """

    __tablename__ = "prediction"
    id: Mapped[int] = mapped_column(primary_key=True)
    screening_id: Mapped[int | None] = mapped_column(ForeignKey("screening.id"), index=True)
    body_id: Mapped[str]
    geometry_version: Mapped[int]
    model: Mapped[str]
    reference: Mapped[Reference | None] = mapped_column(words(Reference))
    loss_percent: Mapped[float | None]
    band_percent: Mapped[float | None]
    shape: Mapped[Shape | None] = mapped_column(words(Shape))
    measured_grade: Mapped[int | None]
    probability_0: Mapped[float | None]
    probability_1: Mapped[float | None]
    probability_2: Mapped[float | None]
    probability_3: Mapped[float | None]
    conformal_set: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    embedding: Mapped[bytes | None]
    time: Mapped[datetime] = mapped_column(UtcTime)
    reference_table: Mapped[str | None]
    normal_percent: Mapped[float | None]
    __table_args__ = (
        UniqueConstraint("screening_id", "body_id", "model"),
        ForeignKeyConstraint(["body_id", "geometry_version"], ["geometry.body_id", "geometry.version"]),
        Index(None, "body_id", "model"),
    )


class ReaderRow(Base):
    """A person who reads."""

    __tablename__ = "reader"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    added_at: Mapped[datetime] = mapped_column(UtcTime)


class ActRow(Base):
    """One key press of a reader: what one undo takes back. `target_id` is the act that is undone or redone."""

    __tablename__ = "act"
    id: Mapped[int] = mapped_column(primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("reader.id"), index=True)
    kind: Mapped[ActKind] = mapped_column(words(ActKind))
    target_id: Mapped[int | None] = mapped_column(ForeignKey("act.id"), index=True)
    time: Mapped[datetime] = mapped_column(UtcTime)


class ReadingRow(Base):
    """What a reader said of a body; a correction is a new row that supersedes the last one of the same phase."""

    __tablename__ = "reading"
    id: Mapped[int] = mapped_column(primary_key=True)
    act_id: Mapped[int] = mapped_column(ForeignKey("act.id"), index=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("reader.id"))
    body_id: Mapped[str]
    geometry_version: Mapped[int]
    grade: Mapped[ReadGrade | None] = mapped_column(GradeColumn)
    shape: Mapped[Shape | None] = mapped_column(words(Shape))
    not_assessable: Mapped[NotAssessable | None] = mapped_column(words(NotAssessable))
    other_deformity: Mapped[OtherDeformity | None] = mapped_column(words(OtherDeformity))
    sure: Mapped[bool]
    flag: Mapped[bool]
    note: Mapped[str]
    bulk: Mapped[bool]
    phase: Mapped[Phase] = mapped_column(words(Phase))
    mode: Mapped[Mode] = mapped_column(words(Mode))
    order_known: Mapped[bool]
    revealed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    time: Mapped[datetime] = mapped_column(UtcTime)
    supersedes: Mapped[int | None] = mapped_column(ForeignKey("reading.id"), unique=True)
    __table_args__ = (
        ForeignKeyConstraint(["body_id", "geometry_version"], ["geometry.body_id", "geometry.version"]),
        Index(None, "body_id", "reader_id"),
        Index(None, "reader_id", "time"),
    )


class RevealRow(Base):
    """When the program's opinion on a series was first shown to a reader."""

    __tablename__ = "reveal"
    series_id: Mapped[str] = mapped_column(ForeignKey("series.id"), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("reader.id"), primary_key=True)
    mode: Mapped[Mode] = mapped_column(words(Mode))
    time: Mapped[datetime] = mapped_column(UtcTime)


class OrderShownRow(Base):
    """When a reader first saw a series in a worklist ordered by suspicion."""

    __tablename__ = "order_shown"
    series_id: Mapped[str] = mapped_column(ForeignKey("series.id"), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("reader.id"), primary_key=True)
    time: Mapped[datetime] = mapped_column(UtcTime)


class ModelFileRow(Base):
    """A model file, mirrored from its card; the pointer beside the files says which one is active."""

    __tablename__ = "model"
    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    sha256: Mapped[str]
    parent: Mapped[str]
    card: Mapped[dict[str, Any]] = mapped_column(JSON)
    added_at: Mapped[datetime] = mapped_column(UtcTime)


class TrainingRunRow(Base):
    """A retraining and how it ended."""

    __tablename__ = "training_run"
    id: Mapped[int] = mapped_column(primary_key=True)
    started: Mapped[datetime] = mapped_column(UtcTime)
    ended: Mapped[datetime | None] = mapped_column(UtcTime)
    champion: Mapped[str]
    challenger: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str]
    figures: Mapped[dict[str, Any]] = mapped_column(JSON)


class EventRow(Base):
    """One line of the audit; `chain` is the sha256 over the line before it and this one."""

    __tablename__ = "event"
    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime] = mapped_column(UtcTime)
    who: Mapped[str]
    what: Mapped[str]
    about: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    chain: Mapped[str] = mapped_column(String(64))

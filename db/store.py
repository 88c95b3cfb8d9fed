"""The case store: every verb is one transaction, and what it wrote is on disk when it returns."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy.orm import Session

from db import (
    audit,
    backup,
    cases,
    checks,
    edits,
    embeddings,
    labels,
    ledger,
    pseudonyms,
    readings,
    screenings,
    series,
    shown,
    undo,
)  # fmt: skip
from db.faults import faults_named
from db.opening import OpenFile, open_file, raw_connection
from vfscreen.cases import (
    BodyEdit,
    Case,
    CaseRow,
    Event,
    GeometrySource,
    LabelledBody,
    ModelRow,
    NewSeries,
    TrainingRun,
    Undone,
)  # fmt: skip
from vfscreen.findings import Finding, Mode, Reading, Screening, Vertebra
from vfscreen.neighbours import GradedEmbeddings
from vfscreen.split import USUAL_SHARES, Shares

BACKUP_NOT_WITHIN = timedelta(minutes=30)

Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def open_store(
    folder: Path,
    *,
    shares: Shares = USUAL_SHARES,
    always_train: frozenset[str] = frozenset(),
    clock: Clock = _utc_now,
) -> Store:
    """Opens the store in a data folder; makes it if it is not there, migrates it if it is old.

    `shares` say how new patients are split (15 % held out, 15 % test); `always_train` holds pseudonyms,
    SeriesInstanceUIDs and sha256 that a bundled model was trained on: their patients always train.

    Raises:
        StoreTooNew, StoreDamaged, StoreLocked, StoreReadOnly, StoreUnreachable, DiskFull: as they say.
    """
    return Store(open_file(folder), shares, always_train, clock)


class Store:
    """An open case store, the `vfscreen.ports.CaseStore` on SQLite. Threads and processes may share the file.

    Every verb raises `StoreLocked`, `DiskFull`, `StoreDamaged`, `StoreReadOnly` or `StoreUnreachable` where the
    file fails it; nothing of the verb was stored then.
    """

    def __init__(self, opened: OpenFile, shares: Shares, always_train: frozenset[str], clock: Clock) -> None:
        self._opened = opened
        self._shares = shares
        self._always_train = always_train
        self._clock = clock

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return self._opened.file

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of how the file is written (on a network drive)."""
        return self._opened.notes

    def close(self) -> None:
        """Lets the file go; the write-ahead log is folded in when the last one leaves."""
        self._opened.reading.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with faults_named(self.file), Session(self._opened.reading) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with faults_named(self.file), Session(self._opened.writing) as session, session.begin():
            yield session

    @contextmanager
    def _raw(self) -> Iterator[sqlite3.Connection]:
        with faults_named(self.file), self._opened.reading.connect() as connection:
            yield raw_connection(connection)

    # ---- series and screenings

    def add_series(self, series_given: NewSeries) -> tuple[str, bool]:
        """Takes a series in; returns its id, and whether it is new (same SeriesInstanceUID or sha256: it is not)."""
        with self._writing() as session:
            return series.add_series(session, series_given, self._shares, self._always_train, self._clock())

    def has_patients(self) -> bool:
        """Says whether the store knows any patient."""
        with self._reading() as session:
            return pseudonyms.has_patients(session)

    def bind_key(self, key_print: str) -> str:
        """Returns the print of the key that the patients were named with; without patients, it becomes this one."""
        with self._writing() as session:
            return pseudonyms.bind_key(session, key_print, self._clock())

    def queue(self, localiser: str, grader: str) -> list[str]:
        """Returns the ids of the series that these models have not screened together yet, oldest first."""
        with self._reading() as session:
            return series.queue(session, localiser, grader)

    def record_screening(
        self, series_id: str, screening: Screening, source: GeometrySource = GeometrySource.LOCALISER
    ) -> list[tuple[str, int]]:
        """Keeps a screening: matches its bodies with the known ones, versions geometry, keeps predictions.

        Returns the body's id and the geometry version of each finding, in their order, whatever is shown of them now.
        """
        with self._writing() as session:
            return screenings.record_screening(session, series_id, screening, source, self._clock())

    def record_finding(self, body_id: str, geometry_version: int, finding: Finding) -> None:
        """Keeps what the grader said of one body that a reader moved or added."""
        with self._writing() as session:
            screenings.record_finding(session, body_id, geometry_version, finding, self._clock())

    # ---- cases

    def worklist(self, reader: str, mode: Mode, model: str | None = None) -> list[CaseRow]:
        """Returns the cases: random but fixed per reader in *read*, by suspicion (unseen first) in *screen*.

        `model` is the grader in use; where it has not said anything, whichever screened the case last speaks.
        """
        with self._reading() as session:
            return cases.worklist(session, reader, mode, model)

    def case(self, series_id: str, reader: str, model: str | None = None) -> Case:
        """Returns everything about one case; raises `NoSuchThing`."""
        with self._reading() as session:
            return cases.case(session, series_id, reader, model)

    def edit_bodies(self, series_id: str, edit: BodyEdit, who: str) -> tuple[str, ...]:
        """Changes names and points, adds and takes away bodies: one act, one undo; returns the ids of those added.

        Raises:
            StaleCase: a body was changed since it was shown.
            ReadByOthers: a body that another reader graded is called none.
        """
        with self._writing() as session:
            return edits.edit_bodies(session, series_id, edit, who, self._clock())

    # ---- readings

    def store_reading(self, reading: Reading) -> Reading:
        """Appends a reading, superseding this reader's present one of the same body and phase; returns it with its id.

        Raises:
            StaleCase: it contradicts what this reader was shown; open the case again and say it anew.
        """
        return self.store_readings([reading])[0]

    def store_readings(self, several: Sequence[Reading]) -> list[Reading]:
        """Appends the readings of one key press ("all remaining normal"): one transaction, one undo."""
        with self._writing() as session:
            return readings.store(session, several, self._clock())

    def reveal(self, series_id: str, reader: str, mode: Mode) -> datetime:
        """Records that the program's opinion on this case was shown to the reader; returns when it first was."""
        with self._writing() as session:
            return shown.reveal(session, series_id, reader, mode, self._clock())

    def show_order(self, series_ids: Collection[str], reader: str) -> None:
        """Records that the reader sees these series ordered by suspicion, before the list is drawn."""
        with self._reading() as session:
            if not shown.not_in_order_yet(session, series_ids, reader):
                return  # as nearly always: no write
        with self._writing() as session:
            shown.show_order(session, series_ids, reader, self._clock())

    def undo(self, reader: str) -> Undone | None:
        """Takes the reader's last act back by a compensating row; None if there is none left.

        Raises:
            FirstReadLocked: it gave a first reading of a case whose opinion was shown since.
            StaleCase: somebody changed a vertebra of it since.
        """
        with self._writing() as session:
            return undo.undo(session, reader, self._clock())

    def redo(self, reader: str) -> Undone | None:
        """Does the last undone act again; None if another act came in between.

        Raises:
            FirstReadLocked: it gave a first reading of a case whose opinion was shown since.
            StaleCase: somebody changed a vertebra of it since.
            ReadByOthers: it called a body none that another reader graded since.
        """
        with self._writing() as session:
            return undo.redo(session, reader, self._clock())

    def graded_since(self, reader: str, since: datetime) -> int:
        """Counts the vertebrae that this reader settled since a time (for "graded today")."""
        with self._reading() as session:
            return readings.graded_since(session, reader, since)

    def all_readings(self) -> list[tuple[str, str, str, Reading]]:
        """Returns (series id, pseudonym, level, reading) of every reading ever, oldest first; no level: no vertebra."""
        with self._reading() as session:
            return readings.every_reading(session)

    # ---- training

    def labelled_bodies(self) -> list[LabelledBody]:
        """Returns every body with a first reading that may train or test."""
        with self._reading() as session:
            return labels.labelled_bodies(session)

    def graded_embeddings(self, model: str, reader: str) -> GradedEmbeddings:
        """Returns what a model made of every graded body of the cases whose opinion this reader was shown."""
        with self._reading() as session:
            return embeddings.graded_embeddings(session, model, reader)

    def vertebrae(self, wanted: Sequence[tuple[str, int]]) -> list[Vertebra]:
        """Returns versions of bodies (body id, geometry version), in their order; raises `NoSuchThing`."""
        with self._reading() as session:
            return embeddings.vertebrae(session, wanted)

    def add_model(self, model: ModelRow) -> None:
        """Mirrors a model file; a known id with another sha256 is refused (`WeightsDamaged`)."""
        with self._writing() as session:
            ledger.add_model(session, model, self._clock())

    def models(self) -> list[ModelRow]:
        """Returns the mirrored model files, oldest first."""
        with self._reading() as session:
            return ledger.models(session)

    def record_training(self, run: TrainingRun) -> int:
        """Keeps how a retraining went."""
        with self._writing() as session:
            return ledger.record_training(session, run, self._clock())

    def training_runs(self) -> list[TrainingRun]:
        """Returns all retrainings, newest first."""
        with self._reading() as session:
            return ledger.training_runs(session)

    # ---- audit and safety

    def record_event(self, who: str, what: str, about: str, details: dict[str, Any]) -> None:
        """Appends an event to the hash-chained audit."""
        with self._writing() as session:
            audit.record(session, self._clock(), who, what, about, details)

    def events(self) -> list[Event]:
        """Returns the audit, oldest first."""
        with self._reading() as session:
            return ledger.events(session)

    def backup(self, target: Path) -> Path:
        """Writes a checked copy of the store and returns its path; into a folder, under the name of the day."""
        with self._raw() as connection:
            return backup.back_up(connection, self.file, target, self._clock())

    def back_up_dated(self, folder: Path, not_within: timedelta = BACKUP_NOT_WITHIN) -> Path | None:
        """Adds a dated, checked copy to a folder and thins the old ones; None if the newest is young enough."""
        with self._raw() as connection:
            return backup.back_up_dated(connection, self.file, folder, self._clock(), not_within)

    def check(self) -> list[str]:
        """Returns what is wrong with the store's file, its foreign keys or its audit; empty if nothing is."""
        with self._reading() as session:
            return checks.check(session)

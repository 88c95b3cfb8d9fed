"""What the use cases need from the two adapters, as protocols: models below, the store below."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

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
from vfscreen.findings import Finding, Mode, Reading, Refusal, Screening, Suggestion, Vertebra
from vfscreen.neighbours import GradedEmbeddings
from vfscreen.volume import Volume

Progress = Callable[[str, float], None]
"""Told what is being done and the share that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Located:
    """What a localiser found: bodies from the head down, what it refuses and why, and what the user should know."""

    vertebrae: tuple[Vertebra, ...]
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()


class Localiser(Protocol):
    """Finds, measures and names the vertebral bodies of a volume."""

    @property
    def name(self) -> str:
        """The model's id, as in its card."""

    def locate(self, volume: Volume) -> Located:
        """Finds every vertebral body that can be seen in the volume."""


class Grader(Protocol):
    """Suggests a grade for bodies whose points are known."""

    @property
    def name(self) -> str:
        """The model's id, as in its card."""

    def grade(self, volume: Volume, vertebrae: Sequence[Vertebra]) -> list[Suggestion | None]:
        """Returns one suggestion a vertebra; None for those without points."""


class CaseStore(Protocol):
    """The case store. Every write is one transaction and is on disk when the verb returns."""

    def add_series(self, series: NewSeries) -> tuple[str, bool]:
        """Takes a series in; returns its id, and whether it is new (same SeriesInstanceUID or sha256: it is not)."""

    def has_patients(self) -> bool:
        """Says whether the store knows any patient."""

    def bind_key(self, key_print: str) -> str:
        """Returns the print of the key that the patients were named with; without patients, it becomes this one."""

    def queue(self, localiser: str, grader: str) -> list[str]:
        """Returns the ids of the series that these models have not screened together yet, oldest first."""

    def record_screening(
        self, series_id: str, screening: Screening, source: GeometrySource = GeometrySource.LOCALISER
    ) -> list[tuple[str, int]]:
        """Keeps a screening: matches its bodies with the known ones, versions geometry, keeps predictions.

        Returns the body's id and the geometry version of each finding, in their order, whatever is shown of them now.
        """

    def record_finding(self, body_id: str, geometry_version: int, finding: Finding) -> None:
        """Keeps what the grader said of one body that a reader moved or added."""

    def worklist(self, reader: str, mode: Mode, model: str | None = None) -> list[CaseRow]:
        """Returns the cases: random but fixed per reader in *read*, by suspicion (unseen first) in *screen*.

        `model` is the id of the grader in use; where it has not said anything, whichever screened the case last speaks.
        """

    def case(self, series_id: str, reader: str, model: str | None = None) -> Case:
        """Returns everything about one case; raises `NoSuchThing`."""

    def edit_bodies(self, series_id: str, edit: BodyEdit, who: str) -> tuple[str, ...]:
        """Changes names and points, adds and takes away bodies: one act, one undo; returns the ids of those added.

        Raises:
            StaleCase: a body was changed since it was shown.
            ReadByOthers: a body that another reader graded is called none.
        """

    def store_reading(self, reading: Reading) -> Reading:
        """Appends a reading, superseding this reader's present one of the same body and phase; returns it with its id.

        Raises:
            StaleCase: it contradicts what this reader was shown; open the case again and say it anew.
        """

    def store_readings(self, several: Sequence[Reading]) -> list[Reading]:
        """Appends the readings of one key press ("all remaining normal"): one transaction, one undo."""

    def reveal(self, series_id: str, reader: str, mode: Mode) -> datetime:
        """Records that the program's opinion on this case was shown to the reader; returns when it first was."""

    def show_order(self, series_ids: Collection[str], reader: str) -> None:
        """Records that the reader sees these series ordered by suspicion, before the list is drawn."""

    def undo(self, reader: str) -> Undone | None:
        """Takes the reader's last act back by a compensating row; None if there is none left.

        Raises:
            FirstReadLocked: it gave a first reading of a case whose opinion was shown since.
            StaleCase: somebody changed a vertebra of it since.
        """

    def redo(self, reader: str) -> Undone | None:
        """Does the last undone act again; None if another act came in between.

        Raises:
            FirstReadLocked: it gave a first reading of a case whose opinion was shown since.
            StaleCase: somebody changed a vertebra of it since.
            ReadByOthers: it called a body none that another reader graded since.
        """

    def graded_since(self, reader: str, since: datetime) -> int:
        """Counts the vertebrae that this reader settled since a time (for "graded today")."""

    def labelled_bodies(self) -> list[LabelledBody]:
        """Returns every body with a first reading that may train or test."""

    def graded_embeddings(self, model: str, reader: str) -> GradedEmbeddings:
        """Returns what a model made of every graded body of the cases whose opinion this reader was shown."""

    def vertebrae(self, wanted: Sequence[tuple[str, int]]) -> list[Vertebra]:
        """Returns versions of bodies (body id, geometry version), in their order; raises `NoSuchThing`."""

    def add_model(self, model: ModelRow) -> None:
        """Mirrors a model file; a known id with another sha256 is refused (`WeightsDamaged`)."""

    def models(self) -> list[ModelRow]:
        """Returns the mirrored model files, oldest first."""

    def record_training(self, run: TrainingRun) -> int:
        """Keeps how a retraining went."""

    def training_runs(self) -> list[TrainingRun]:
        """Returns all retrainings, newest first."""

    def record_event(self, who: str, what: str, about: str, details: dict[str, Any]) -> None:
        """Appends an event to the hash-chained audit."""

    def events(self) -> list[Event]:
        """Returns the audit, oldest first."""

    def all_readings(self) -> list[tuple[str, str, str, Reading]]:
        """Returns (series id, pseudonym, level, reading) of every reading ever, oldest first; no level: no vertebra."""

    def backup(self, target: Path) -> Path:
        """Writes a checked copy of the store and returns its path; into a folder, under the name of the moment."""

    def check(self) -> list[str]:
        """Returns what is wrong with the store's file, its foreign keys or its audit; empty if nothing is."""

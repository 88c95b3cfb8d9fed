"""What the store hands out and takes in: plain values, no session objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from vfscreen.findings import Finding, Reading, Refusal, SeriesFacts, Vertebra


class Split(StrEnum):
    """Where a patient's labels go; drawn once at first import and stored for ever."""

    TRAIN = "train"
    HELD_OUT = "held_out"
    TEST = "test"


class CaseState(StrEnum):
    """How far a reader is with a case."""

    NEW = "new"
    BEGUN = "begun"
    DONE = "done"
    CANNOT_READ = "cannot_read"
    LOOK_AGAIN = "look_again"


class GeometrySource(StrEnum):
    """Who placed a geometry version."""

    LOCALISER = "localiser"
    READER = "reader"
    MASK = "mask"


@dataclass(frozen=True, slots=True)
class NewSeries:
    """A series at the door of the store: where it lies on disk, what is known of it, what must be said of it.

    `source` is the file, or the folder of its slices; `files` the slices themselves (one for NIfTI and the like).
    """

    source: Path
    files: tuple[Path, ...]
    facts: SeriesFacts
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One line of the worklist, for one reader.

    `suspicion` is the highest P(grade >= 2) of a body, as the grader in use said, or the last one where it has said
    nothing; None until any has seen the case; it must not be shown in read mode. `suspected_by` is who said it.
    `graded` counts whole bodies with this reader's grade (or reason), `bodies` all whole ones.
    """

    series_id: str
    pseudonym: str
    study_date: str
    description: str
    levels: str
    state: CaseState
    graded: int
    bodies: int
    warnings: tuple[str, ...] = ()
    suspicion: float | None = None
    suspected_by: str = ""
    suggested_levels: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """A body of a series with its present geometry, and who (a reader, or a model's id) made that.

    `points_by` is who placed its points: a later version may change the name alone.
    """

    body_id: str
    geometry_version: int
    source: GeometrySource
    vertebra: Vertebra
    who: str = ""
    points_by: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything the reading room needs to open a case, for one reader.

    `findings` (by body id) are what the grader in use said last, or the last one where it has said nothing;
    `readings` (by body id) the reader's present ones: the last unsuperseded, withdrawn ones left out;
    `first_readings` the last unsuperseded of phase *first*. `order_known`: the reader once saw this case in a list
    ordered by suspicion. `refusals` are the last screening's.
    """

    series_id: str
    source: Path
    files: tuple[Path, ...]
    facts: SeriesFacts
    warnings: tuple[str, ...]
    bodies: tuple[Body, ...]
    findings: dict[str, Finding]
    readings: dict[str, Reading]
    first_readings: dict[str, Reading]
    revealed_at: datetime | None = None
    order_known: bool = False
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class BodyEdit:
    """What one act of a reader changes in the bodies of a series: new geometry by body id, bodies missed, and ids of
    bodies that are none. `seen` is the geometry version on the screen of each body changed or removed.
    """

    changed: Mapping[str, Vertebra] = field(default_factory=dict)
    added: tuple[Vertebra, ...] = ()
    removed: tuple[str, ...] = ()
    seen: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo (or redo) touched, so that the screen can go back there; `reading` is what stands there now.

    `edited` are the bodies whose names or points were changed back, empty if it was a reading.
    """

    series_id: str
    body_id: str
    reading: Reading | None
    edited: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LabelledBody:
    """One body with the first readings that may train or test: all readers', unsuperseded.

    `vertebra` is the geometry that they were read on; `files` are those of its series, `facts` what they held.
    """

    body_id: str
    series_id: str
    pseudonym: str
    split: Split
    files: tuple[Path, ...]
    facts: SeriesFacts
    vertebra: Vertebra
    neighbours: tuple[Vertebra, ...]
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model file as the store mirrors it."""

    model_id: str
    kind: str
    sha256: str
    parent: str = ""
    card: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One retraining and how it ended."""

    started: datetime
    ended: datetime | None
    champion: str
    challenger: str
    outcome: str
    reason: str
    figures: dict[str, Any] = field(default_factory=dict)
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the audit: hash-chained, append-only."""

    time: datetime
    who: str
    what: str
    about: str
    details: dict[str, Any]
    chain: str

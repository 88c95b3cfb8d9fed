"""Cases made by hand for the store's tests: bodies 30 mm apart, a clock that ticks, answers in one word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from db.opening import FILE_NAME
from db.store import Store, open_store
from vfscreen.anatomy import Level, consecutive
from vfscreen.cases import BodyEdit, Case, NewSeries
from vfscreen.findings import Finding, Mode, Reading, Screening, SeriesFacts, Suggestion, Vertebra
from vfscreen.genant import Grade, ReadGrade, Reference, SixPoints, axes_of, heights_of, measure
from vfscreen.reading import Answer, new_reading

SPACING_MM = 30.0
FIRST_TICK = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


@cache
def new_store_bytes() -> bytes:
    """A store that was just made, to be copied: the migrations take longer than most tests."""
    with TemporaryDirectory(prefix="vfscreen-new-") as folder:
        open_store(Path(folder)).close()
        return (Path(folder) / FILE_NAME).read_bytes()


def make_store(folder: Path) -> Path:
    """Puts a new store into a folder and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).write_bytes(new_store_bytes())
    return folder


@dataclass
class Ticking:
    """A clock that is a second later each time it is asked, and can be moved on."""

    now: datetime = field(default=FIRST_TICK)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def vertebra(level: Level, height_mm: float, *, x_mm: float = 0.0, whole: bool = True) -> Vertebra:
    """A body 24 mm tall and 30 mm deep, its centre at `height_mm` on a straight spine."""
    centre = np.array([x_mm, 0.0, height_mm])
    if not whole:
        return Vertebra(level, True, False, centre, 0.4)
    ends = [(y, z) for z in (12.0, -12.0) for y in (-15.0, 0.0, 15.0)]
    points = SixPoints.from_array(np.array([[x_mm, y, height_mm + z] for y, z in ends]))
    return Vertebra(
        level, True, True, centre, 0.9, points, axes_of(points), heights_of(points), 0.7, ("thin discs",)
    )


def finding(body: Vertebra, moderate_or_worse: float = 0.1, model: str = "grader-1") -> Finding:
    """What a grader says of a body: P(grade >= 2) as given, an embedding of unit length."""
    if body.heights is None:
        return Finding(body)
    half = moderate_or_worse / 2
    embedding = np.full(128, 1 / np.sqrt(128), np.float32)
    probabilities = (0.9 - moderate_or_worse, 0.1, half, half)
    return Finding(
        body,
        measure(body.level, body.heights, 0.7, Reference.EXPECTED_BY_LEVEL),
        Suggestion(model, probabilities, (Grade.NORMAL, Grade.MILD), embedding),
    )


def facts(name: str) -> SeriesFacts:
    """Facts of a series with its own UID, sha256 and patient."""
    return SeriesFacts(
        kind="dicom",
        uid=f"1.2.{name}",
        sha256=f"sha-{name}",
        pseudonym=f"P-{name}",
        description="bone 1 mm",
        study_date="20260101",
        spacing_mm=(1.25, 0.7, 0.7),
        slices=133,
        thickness_mm=1.25,
        kilovolt=120.0,
        age_years=71,
        sex="F",
    )


def new_series(name: str, given: SeriesFacts | None = None) -> NewSeries:
    """A series at the door."""
    source = Path("/cases") / name
    return NewSeries(source, (source / "1.dcm", source / "2.dcm"), given or facts(name), ("thick slices",))


def screening(
    bodies: Sequence[Vertebra],
    *,
    suspicion: float = 0.1,
    grader: str = "grader-1",
    warnings: tuple[str, ...] = (),
) -> Screening:
    """One run of the program that found these bodies."""
    return Screening(
        source="/cases",
        series=None,
        findings=tuple(finding(body, suspicion, grader) for body in bodies),
        warnings=warnings,
        models={"localiser": "localiser-1", "grader": grader},
        seconds={"locate": 1.5},
    )


def spine(first: Level, count: int, *, x_mm: float = 0.0) -> list[Vertebra]:
    """Whole bodies from `first` down."""
    return [
        vertebra(level, -SPACING_MM * place, x_mm=x_mm)
        for place, level in enumerate(consecutive(first, count))
    ]


def screened_case(store: Store, name: str = "one", first: Level = Level.T11, count: int = 3) -> str:
    """Takes in a series and its screening; returns its id."""
    series_id, _ = store.add_series(new_series(name))
    store.record_screening(series_id, screening(spine(first, count)))
    return series_id


def say(
    store: Store,
    case: Case,
    place: int,
    answer: Answer | ReadGrade,
    reader: str = "K",
    mode: Mode = Mode.READ,
) -> Reading:
    """Stores what a reader says of the body at a place, counted from the head."""
    given = answer if isinstance(answer, Answer) else Answer(answer)
    return store.store_reading(new_reading(case, case.bodies[place], reader, mode, given, datetime.now(UTC)))


def move(store: Store, body_id: str, vertebra: Vertebra, who: str) -> int:
    """Gives a body a new geometry, as a reader who sees it as it is now; returns the version."""
    series_id, version = _where(store, body_id)
    store.edit_bodies(series_id, BodyEdit({body_id: vertebra}, seen={body_id: version}), who)
    return version + 1


def add(store: Store, series_id: str, vertebra: Vertebra, who: str) -> str:
    """Adds a body that the program missed; returns its id."""
    return store.edit_bodies(series_id, BodyEdit(added=(vertebra,)), who)[0]


def take_away(store: Store, body_id: str, who: str) -> None:
    """Says that a body is no vertebra."""
    series_id, version = _where(store, body_id)
    store.edit_bodies(series_id, BodyEdit(removed=(body_id,), seen={body_id: version}), who)


def _where(store: Store, body_id: str) -> tuple[str, int]:
    for row in store.worklist("anybody", Mode.READ):
        for body in store.case(row.series_id, "anybody").bodies:
            if body.body_id == body_id:
                return row.series_id, body.geometry_version
    raise AssertionError(f"no case shows {body_id}")

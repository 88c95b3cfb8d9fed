"""What finding the nearest graded vertebrae costs: the exact search from 1,000 to 1,000,000 embeddings, and the store.

About two minutes on one core and 1.5 GB of memory. Vectors are random, of the model's length: an exact search takes
the same time whatever they are. Each size is searched beside the plain way (compare all, sort all), in turn; memory is
what the search takes besides the vectors. The store is one of 20,000 graded bodies in 2,000 cases.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert
from sqlalchemy.orm import Session

from db.opening import open_file
from db.schema import (
    ActRow,
    BodyRow,
    GeometryRow,
    PatientRow,
    PredictionRow,
    ReaderRow,
    ReadingRow,
    RevealRow,
    SeriesRow,
    StudyRow,
)  # fmt: skip
from db.store import open_store
from vfscreen.anatomy import Level
from vfscreen.cases import GeometrySource, Split
from vfscreen.findings import Mode, Phase, Suggestion
from vfscreen.genant import Grade, ReadGrade
from vfscreen.neighbours import USUAL_COUNT, GradedBody, GradedEmbeddings, most_similar, nearest_graded

SIZES = (1_000, 10_000, 100_000, 1_000_000)
LENGTH, SPINE, REPEATS = 128, 17, 9
CASES, BODIES_A_CASE = 2_000, 10
READER, MODEL = "K", "grader"
NOW = datetime(2026, 11, 25, tzinfo=UTC)

Vectors = NDArray[np.float32]


def main() -> int:
    """Prints the figures."""
    figures: dict[str, Any] = {}
    everything = unit_rows(max(SIZES))
    wanted = unit_rows(SPINE, seed=1)
    for size in SIZES:
        vectors = everything[:size]
        fast, plain = in_turn(
            lambda vectors=vectors: most_similar(vectors, wanted[:1], USUAL_COUNT),
            lambda vectors=vectors: plainly(vectors, wanted[:1]),
        )
        spine, _ = in_turn(
            lambda vectors=vectors: most_similar(vectors, wanted, USUAL_COUNT), lambda: None, repeats=3
        )
        extra = extra_megabytes(lambda vectors=vectors: most_similar(vectors, wanted[:1], USUAL_COUNT))
        same = np.array_equal(
            most_similar(vectors, wanted, USUAL_COUNT)[0], plainly(vectors, wanted)[:, :USUAL_COUNT]
        )
        figures[str(size)] = {
            "query_ms": round(1000 * fast, 3),
            "plain_ms": round(1000 * plain, 3),
            "spine_of_17_ms": round(1000 * spine, 2),
            "extra_mb": round(extra, 2),
            "vectors_mb": round(vectors.nbytes / 2**20, 1),
            "same_as_plain": bool(same),
        }
        print(size, figures[str(size)], file=sys.stderr)
    del everything
    figures |= with_the_rules() | from_the_store()
    print(json.dumps(figures))
    return 0


def unit_rows(count: int, seed: int = 0) -> Vectors:
    """Returns random vectors of unit length."""
    rows = np.random.default_rng(seed).standard_normal((count, LENGTH), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def plainly(vectors: Vectors, wanted: Vectors) -> NDArray[np.int64]:
    """Compares all and sorts all."""
    return np.argsort(-(wanted @ vectors.T), axis=1, kind="stable")[:, :USUAL_COUNT]


def in_turn(
    one: Callable[[], object], other: Callable[[], object], repeats: int = REPEATS
) -> tuple[float, float]:
    """Returns the median seconds of two things done in turn, each once before it is timed."""
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for place, thing in enumerate((one, other)):
            started = time.perf_counter()
            thing()
            if repeat:
                times[place].append(time.perf_counter() - started)
    return median(times[0]), median(times[1])


def extra_megabytes(thing: Callable[[], object]) -> float:
    """Returns the most memory that something takes beside what was there."""
    tracemalloc.start()
    thing()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def with_the_rules() -> dict[str, float]:
    """Times the whole use case on 100,000 bodies: this model's, no other of this patient, never the body itself."""
    count = 100_000
    bodies = tuple(
        GradedBody(str(i), 1, str(i // 10), str(i // 10), Level.T12, (ReadGrade.NORMAL,))
        for i in range(count)
    )
    graded = GradedEmbeddings(MODEL, bodies, unit_rows(count))
    suggestion = Suggestion(MODEL, (1.0, 0.0, 0.0, 0.0), (Grade.NORMAL,), unit_rows(1, seed=2)[0])
    seconds, _ = in_turn(lambda: nearest_graded(graded, suggestion, body_id="7", pseudonym="0"), lambda: None)
    return {"rules_100000_ms": round(1000 * seconds, 1)}


def from_the_store() -> dict[str, float]:
    """Times the store's query for every graded embedding that a reader may be shown."""
    with tempfile.TemporaryDirectory() as folder:
        fill_store(Path(folder))
        with open_store(Path(folder)) as store:
            seconds, _ = in_turn(lambda: store.graded_embeddings(MODEL, READER), lambda: None, repeats=3)
            found = len(store.graded_embeddings(MODEL, READER).bodies)
    print(f"store: {found} bodies in {seconds:.2f} s", file=sys.stderr)
    return {"store_bodies": found, "store_s": round(seconds, 3)}


def fill_store(folder: Path) -> None:
    """Writes graded cases straight into the tables: through the verbs it would take an hour."""
    opened = open_file(folder)
    embeddings = unit_rows(CASES * BODIES_A_CASE, seed=3)
    rows: dict[type[Any], list[dict[str, Any]]] = {
        kind: []
        for kind in (
            PatientRow, StudyRow, SeriesRow, BodyRow, GeometryRow, PredictionRow, ReadingRow, RevealRow
        )
    }  # fmt: skip
    for case in range(CASES):
        add_case(rows, case, embeddings)
    with Session(opened.writing) as session, session.begin():
        session.execute(insert(ReaderRow), [{"id": 1, "name": READER, "added_at": NOW}])
        session.execute(insert(ActRow), [{"id": 1, "reader_id": 1, "kind": "do", "time": NOW}])
        for kind, several in rows.items():
            session.execute(insert(kind), several)
    opened.reading.dispose()
    opened.writing.dispose()


def add_case(rows: dict[type[Any], list[dict[str, Any]]], case: int, embeddings: Vectors) -> None:
    """Adds one case with all its bodies graded, and its opinion shown."""
    series = f"{case:032x}"
    rows[PatientRow].append({"id": case + 1, "pseudonym": f"P{case}", "split": Split.TRAIN, "added_at": NOW})
    rows[StudyRow].append({"id": case + 1, "patient_id": case + 1, "key": "1", "date": ""})
    told = {"source": "", "files": [], "facts": {}, "warnings": [], "added_at": NOW}
    rows[SeriesRow].append({"id": series, "study_id": case + 1, "uid": str(case), "sha256": None, **told})
    rows[RevealRow].append({"series_id": series, "reader_id": 1, "mode": Mode.READ, "time": NOW})
    for place in range(BODIES_A_CASE):
        number = case * BODIES_A_CASE + place
        body = f"{number:032x}"
        rows[BodyRow].append({"id": body, "series_id": series, "present_version": 1, "added_at": NOW})
        rows[GeometryRow].append(
            {
                "body_id": body, "version": 1, "source": GeometrySource.LOCALISER, "who": "", "level": Level.T12,
                "level_certain": True, "whole": True, "confidence": 1.0, "centre_lps_mm": [0.0, 0.0, 0.0],
                "flags": [], "time": NOW,
            }
        )  # fmt: skip
        rows[PredictionRow].append(
            {
                "body_id": body, "geometry_version": 1, "model": MODEL, "time": NOW,
                "embedding": embeddings[number].tobytes(),
            }
        )  # fmt: skip
        rows[ReadingRow].append(
            {
                "act_id": 1, "reader_id": 1, "body_id": body, "geometry_version": 1, "grade": ReadGrade.NORMAL,
                "sure": True, "flag": False, "note": "", "bulk": False, "phase": Phase.FIRST, "mode": Mode.READ,
                "order_known": False, "time": NOW,
            }
        )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())

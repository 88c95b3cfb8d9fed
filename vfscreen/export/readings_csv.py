"""Readings as a table for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from vfscreen.durable import write_durably
from vfscreen.findings import Reading
from vfscreen.reading import is_withdrawn

FILE_NAME = "readings.csv"
COLUMNS = (
    "patient", "series", "body", "level", "reader", "phase", "grade", "shape", "not_assessable", "other_deformity",
    "sure", "flag", "note", "bulk", "mode", "order_known", "revealed_at", "time", "geometry_version", "reading",
)  # fmt: skip
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def export_readings_csv(readings: Iterable[tuple[str, str, str, Reading]], folder: Path) -> Path:
    """Writes `readings.csv` into a folder and returns its path: one row per present reading, first and final.

    Takes what `CaseStore.all_readings` returns. Superseded and withdrawn readings are left out, and those of bodies
    that a reader took away as no vertebra. UTF-8, commas, CRLF (RFC 4180). Columns:

    - `patient` pseudonym; `series`, `body` ids of the store; `level` as it is named now (T1 ... L6)
    - `reader` A, B, C ... in the order of their first readings, no names
    - `phase` first (before the program showed any opinion on that body) or final
    - `grade` 0, 0.5 (borderline), 1, 2, 3; empty: not graded, which is not 0
    - `shape` wedge, biconcave, crush, none; `not_assessable` and `other_deformity`: the reason, empty if none
    - `sure`, `flag`, `bulk` (given to all remaining levels with one key), `order_known` (worklist by suspicion): 0 or 1
    - `note` free text; `mode` read or screen
    - `revealed_at`, `time` UTC, ISO 8601; `revealed_at` is when the opinion was shown, empty: not yet
    - `geometry_version` that was read on; `reading` number in the store

    Text that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, CSV injection).

    Raises:
        DiskFull: there is no room; an earlier file is as it was.
    """
    everything = list(readings)
    superseded = {reading.supersedes for _, _, _, reading in everything}
    letters = _letters(reading.reader for _, _, _, reading in everything)
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for series_id, pseudonym, level, reading in everything:
        if level and reading.reading_id not in superseded and not is_withdrawn(reading):
            writer.writerow(_row(series_id, pseudonym, level, reading, letters[reading.reader]))
    path = folder / FILE_NAME
    write_durably(path, table.getvalue().encode())
    return path


def _row(series_id: str, pseudonym: str, level: str, reading: Reading, letter: str) -> list[str | int | None]:
    return [
        _harmless(pseudonym),
        series_id,
        reading.body_id,
        level,
        letter,
        reading.phase,
        None if reading.grade is None else f"{reading.grade.value:g}",
        reading.shape,
        reading.not_assessable,
        reading.other_deformity,
        int(reading.sure),
        int(reading.flag),
        _harmless(reading.note),
        int(reading.bulk),
        reading.mode,
        int(reading.order_known),
        _utc(reading.revealed_at),
        _utc(reading.time),
        reading.geometry_version,
        reading.reading_id,
    ]


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _utc(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat(timespec="milliseconds")


def _letters(names: Iterable[str]) -> dict[str, str]:
    """Names readers A to Z, AA, AB and so on, in the order in which they come."""
    letters: dict[str, str] = {}
    for name in names:
        if name not in letters:
            letters[name] = _letter(len(letters))
    return letters


def _letter(place: int) -> str:
    before, last = divmod(place, 26)
    return (_letter(before - 1) if before else "") + chr(ord("A") + last)

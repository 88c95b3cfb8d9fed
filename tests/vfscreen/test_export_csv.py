"""The table of readings."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from vfscreen.export.readings_csv import COLUMNS, export_readings_csv
from vfscreen.findings import Mode, NotAssessable, OtherDeformity, Phase, Reading
from vfscreen.genant import ReadGrade, Shape

Line = tuple[str, str, str, Reading]
NOW = datetime(2026, 11, 25, 9, 0, 0, 123456, tzinfo=UTC)


def reading(number: int, grade: ReadGrade | None = ReadGrade.MILD, reader: str = "Dr K") -> Reading:
    """A first reading of one body."""
    return Reading(reader, "body-1", 2, grade, Phase.FIRST, Mode.READ, False, NOW, reading_id=number)


def line(given: Reading, patient: str = "P-1") -> Line:
    """A line as the store lists it."""
    return "series-1", patient, "T12", given


def rows_of(lines: list[Line], folder: Path) -> list[dict[str, str]]:
    """Exports and reads the table back."""
    with export_readings_csv(lines, folder).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_an_empty_store_gives_a_table_with_its_heads(tmp_path: Path) -> None:
    path = export_readings_csv([], tmp_path / "new")
    assert path == tmp_path / "new" / "readings.csv"
    assert path.read_bytes() == ",".join(COLUMNS).encode() + b"\r\n"


def test_every_column_says_what_the_docstring_promises(tmp_path: Path) -> None:
    given = replace(
        reading(7, ReadGrade.BORDERLINE),
        shape=Shape.WEDGE,
        other_deformity=OtherDeformity.SCHEUERMANN,
        sure=False,
        flag=True,
        note="see L2, ½",
        bulk=True,
        mode=Mode.SCREEN,
        order_known=True,
        phase=Phase.FINAL,
        revealed_at=NOW.astimezone(timezone(timedelta(hours=2))),
    )
    (row,) = rows_of([line(given)], tmp_path)
    assert row == {
        "patient": "P-1", "series": "series-1", "body": "body-1", "level": "T12", "reader": "A",
        "phase": "final", "grade": "0.5", "shape": "wedge", "not_assessable": "",
        "other_deformity": "scheuermann", "sure": "0", "flag": "1", "note": "see L2, ½", "bulk": "1",
        "mode": "screen", "order_known": "1", "revealed_at": "2026-11-25T09:00:00.123+00:00",
        "time": "2026-11-25T09:00:00.123+00:00", "geometry_version": "2", "reading": "7",
    }  # fmt: skip


def test_only_present_readings_are_listed_first_and_final(tmp_path: Path) -> None:
    old, new = reading(1), replace(reading(2, ReadGrade.SEVERE), supersedes=1)
    final = replace(reading(3), phase=Phase.FINAL, revealed_at=NOW)
    withdrawn = replace(reading(5, None), supersedes=4)
    lines = [line(each) for each in (old, new, final, reading(4), withdrawn)]
    series_id, pseudonym, _, none = line(reading(6))
    lines.append((series_id, pseudonym, "", none))  # its body was taken away as no vertebra
    assert [(row["reading"], row["phase"]) for row in rows_of(lines, tmp_path)] == [
        ("2", "first"),
        ("3", "final"),
    ]


def test_not_graded_is_empty_and_normal_is_zero(tmp_path: Path) -> None:
    reason = replace(reading(1, None), not_assessable=NotAssessable.MOTION)
    rows = rows_of([line(reason), line(reading(2, ReadGrade.NORMAL))], tmp_path)
    assert [(row["grade"], row["not_assessable"]) for row in rows] == [("", "motion"), ("0", "")]


def test_readers_are_letters_in_the_order_they_came(tmp_path: Path) -> None:
    names = [f"reader {number}" for number in range(28)]
    lines = [line(reading(number, reader=name)) for number, name in enumerate([*names, "reader 1"])]
    letters = [row["reader"] for row in rows_of(lines, tmp_path)]
    assert letters[:3] + letters[25:] == ["A", "B", "C", "Z", "AA", "AB", "B"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_is_never_a_formula(tmp_path: Path, text: str) -> None:
    (row,) = rows_of([line(replace(reading(1), note=text), patient=text)], tmp_path)
    assert (row["note"], row["patient"]) == (f"'{text}", f"'{text}")


def test_commas_quotes_and_lines_in_notes_stay_in_their_cell(tmp_path: Path) -> None:
    note = 'first, "second"\nthird'
    (row,) = rows_of([line(replace(reading(1), note=note))], tmp_path)
    assert row["note"] == note


def test_a_second_export_replaces_the_first(tmp_path: Path) -> None:
    rows_of([line(reading(1))], tmp_path)
    assert len(rows_of([line(reading(1)), line(reading(2))], tmp_path)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["readings.csv"]

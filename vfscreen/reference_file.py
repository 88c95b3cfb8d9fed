"""A department's own table of healthy bodies, as a CSV file, and the choice of what losses are measured against.

The file has a head line and a line a level: `level,ha_hp,hm_hp,sd_ha_hp,sd_hm_hp,n,source`. The two SD may be empty;
lines that begin with # are passed over; semicolons with decimal commas are taken too, as spreadsheets write them.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from vfscreen.anatomy import ASSESSED, Level, level_of
from vfscreen.errors import ReferenceWrong
from vfscreen.genant import Reference
from vfscreen.reference import EXPECTED, LevelShape, ReferenceTable

COLUMNS = ("level", "ha_hp", "hm_hp", "sd_ha_hp", "sd_hm_hp", "n", "source")
RATIOS = (0.5, 1.6)
"""No healthy body is beyond these: what is, was written in percent, in mm or the wrong way round."""

LARGEST_SD = 0.3
LARGEST_BYTES = 1_000_000
SHOWN_DIGITS = 8


@dataclass(frozen=True, slots=True)
class ReferenceChoice:
    """Against what losses are measured: the convention, and the file of a table (None: the program's own)."""

    convention: Reference = Reference.EXPECTED_BY_LEVEL
    file: Path | None = None

    def table(self) -> ReferenceTable:
        """Reads the table.

        Raises:
            ReferenceWrong: the file cannot be read, or is no such table.
        """
        return EXPECTED if self.file is None else read_reference_file(self.file)


USUAL = ReferenceChoice()
"""What is expected by level, from the program's own table."""


def read_reference_file(path: Path) -> ReferenceTable:
    """Reads a table; its name is the file's, with the beginning of the sha256 of what it held.

    Raises:
        ReferenceWrong: the file cannot be read, or a line of it is not what it should be.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ReferenceWrong("This is too large for a table of levels", str(path), "Choose another file.")
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise ReferenceWrong(
            f"The reference file cannot be read ({why})", str(path), "Choose another one in the settings."
        ) from error
    levels: dict[Level, LevelShape] = {}
    for number, row in _rows(text, path):
        where = f"{path}, line {number}"
        level = _level(row["level"], where)
        if level in levels:
            raise _wrong(f"{level} stands there twice", where)
        levels[level] = _shape(row, where)
    if not levels:
        raise _wrong("There is no level in it", str(path))
    name = f"{path.name} {hashlib.sha256(content).hexdigest()[:SHOWN_DIGITS]}"
    return ReferenceTable(name, MappingProxyType(levels))


def _rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the number and the cells, by column, of every line that says something."""
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]
    if not lines:
        raise _wrong("There is no head line", str(path))
    mark = ";" if ";" in lines[0][1] else ","
    names = [name.lower() for name in _cells(lines[0][1], mark, f"{path}, line {lines[0][0]}")]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise _wrong(f"The head line has no {', '.join(missing)}", f"{path}, line {lines[0][0]}")
    for number, line in lines[1:]:
        where = f"{path}, line {number}"
        cells = _cells(line, mark, where)
        if len(cells) != len(names):
            raise _wrong(f"There are {len(cells)} cells under {len(names)} names", where)
        row = dict(zip(names, cells, strict=True))
        if mark == ";":
            row |= {name: row[name].replace(",", ".") for name in COLUMNS[1:6]}
        yield number, row


def _cells(line: str, mark: str, where: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=mark))]
    except csv.Error as error:
        raise _wrong(f"This is no line of a table ({error})", where) from error


def _level(name: str, where: str) -> Level:
    try:
        level = level_of(name)
    except ValueError as error:
        raise _wrong(f"No vertebra is called {name!r}", where) from error
    if level not in ASSESSED:
        raise _wrong(f"{level} is not measured; T1 to L6 and T13 are", where)
    return level


def _shape(row: dict[str, str], where: str) -> LevelShape:
    bodies = _number(row["n"], "n", 1, 10**9, where)
    if bodies != int(bodies):
        raise _wrong(f"n is a whole number, not {row['n']}", where)
    if not row["source"]:
        raise _wrong("source is empty: whose measurements are these", where)
    return LevelShape(
        anterior=_number(row["ha_hp"], "ha_hp", *RATIOS, where),
        middle=_number(row["hm_hp"], "hm_hp", *RATIOS, where),
        anterior_sd=_spread(row["sd_ha_hp"], "sd_ha_hp", where),
        middle_sd=_spread(row["sd_hm_hp"], "sd_hm_hp", where),
        bodies=int(bodies),
        source=row["source"],
    )


def _spread(cell: str, name: str, where: str) -> float | None:
    return _number(cell, name, 0.001, LARGEST_SD, where) if cell else None


def _number(cell: str, name: str, low: float, high: float, where: str) -> float:
    try:
        value = float(cell)
    except ValueError as error:
        raise _wrong(f"{name} is a number, not {cell!r}", where) from error
    if not low <= value <= high:
        raise _wrong(f"{name} is from {low:g} to {high:g}, not {cell}", where)
    return value


def _wrong(what: str, where: str) -> ReferenceWrong:
    return ReferenceWrong(what, where, "Correct the reference file, or choose another one in the settings.")

"""What healthy vertebral bodies look like: the ratios of heights expected at each level, how many they rest on, whose.

A table belongs to a way of placing points and to a kind of picture. The program's own was made from the six points that
it measures, and from what is published; `vfscreen.reference_file` reads a department's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from types import MappingProxyType

from vfscreen.anatomy import Level


@dataclass(frozen=True, slots=True)
class LevelShape:
    """A healthy body of one level: Ha/Hp, Hm/Hp, and the spread of each between people (one SD; None: not known).

    `bodies` is how many it rests on, `source` where they are from.
    """

    anterior: float
    middle: float
    anterior_sd: float | None
    middle_sd: float | None
    bodies: int
    source: str


@dataclass(frozen=True, slots=True)
class ReferenceTable:
    """Healthy bodies by level. `name` stands with every finding that was measured against it."""

    name: str
    levels: Mapping[Level, LevelShape]


_OWN = "marked as normal on CT (benchmarks/expected_shape.py)"
_DRY_BONE = "26 dry bones (J Anat Soc India 2019;68:110)"
_MRI_JAPAN = "115 on MRI (Surg Radiol Anat 2011;33:223)"
_MRI_CHINA = "120 on MRI (Chin J Tissue Eng Res 2014;18:3532)"
_MXA_WOMEN = "120 women on MXA (PubMed 10091205)"
_CT_NEW_ZEALAND = "196 on CT (Int J Spine Surg 2021;15:1072)"
_ANTERIOR_SD, _MIDDLE_SD = 0.062, 0.058
"""Of the logarithms: how far a marked patient's bodies lie from what the other patients predict."""


def _row(anterior: float, middle: float, marked: int, *published: str) -> LevelShape:
    counted = marked + sum(int(source.split(" ", 1)[0]) for source in published)
    source = "; ".join((f"{marked} {_OWN}", *published))
    spread = round(anterior * _ANTERIOR_SD, 3), round(middle * _MIDDLE_SD, 3)
    return LevelShape(anterior, middle, *spread, counted, source)


EXPECTED = ReferenceTable(
    "vfscreen 1",
    MappingProxyType(
        {
            Level.T1: _row(0.983, 0.900, 1),
            Level.T2: _row(0.963, 0.894, 2, _DRY_BONE),
            Level.T3: _row(0.940, 0.894, 2),
            Level.T4: _row(0.924, 0.897, 1),
            Level.T5: _row(0.903, 0.899, 2),
            Level.T6: _row(0.904, 0.905, 4),
            Level.T7: _row(0.898, 0.925, 5),
            Level.T8: _row(0.926, 0.932, 7),
            Level.T9: _row(0.951, 0.938, 8, _DRY_BONE),
            Level.T10: _row(0.947, 0.929, 13, _MRI_JAPAN),
            Level.T11: _row(0.909, 0.908, 14, _MRI_JAPAN, _MRI_CHINA),
            Level.T12: _row(0.906, 0.901, 12, _MRI_JAPAN, _MRI_CHINA),
            Level.L1: _row(0.924, 0.901, 10, _MRI_JAPAN, _MRI_CHINA),
            Level.L2: _row(0.947, 0.901, 8, _MRI_JAPAN, _MRI_CHINA),
            Level.L3: _row(0.992, 0.912, 7, _MXA_WOMEN),
            Level.L4: _row(1.052, 0.929, 5),
            Level.L5: _row(1.112, 0.945, 2, _CT_NEW_ZEALAND),
        }
    ),
)
"""The program's own table, which stands in for levels that another one lacks; the grader is trained with it.

Neighbouring levels steady each other, and a published mean counts for about as much as two bodies of our own, for other
pictures and points shift it by 4 % (SD): see `docs/reference_heights.md`.
"""


_POSTERIOR: Mapping[Level, float] = MappingProxyType(
    {
        Level.T1: 0.762, Level.T2: 0.801, Level.T3: 0.835, Level.T4: 0.862, Level.T5: 0.885, Level.T6: 0.899,
        Level.T7: 0.905, Level.T8: 0.915, Level.T9: 0.942, Level.T10: 1.0, Level.T11: 1.094, Level.T12: 1.187,
        Level.L1: 1.240, Level.L2: 1.258, Level.L3: 1.242, Level.L4: 1.199, Level.L5: 1.146,
    }
)  # fmt: skip
"""Posterior heights over that of T10, of the same marked bodies, with one factor a person.

The neighbours of a marked body predict its posterior height to 4.1 % (SD, its patient left out).
"""


def posterior_at(level: Level) -> float:
    """Returns how high a healthy body is behind, over the T10 of the same person; levels as in `shape_at`."""
    if level is Level.T13:
        return sqrt(_POSTERIOR[Level.T12] * _POSTERIOR[Level.L1])
    return _POSTERIOR[_usual(level)]


def shape_at(level: Level, table: ReferenceTable = EXPECTED) -> tuple[LevelShape, str]:
    """Returns the healthy body of a level and the name of the table that has it: this one, else the program's own.

    T13 lies between T12 and L1, where the table does not know better; L6 and below count as L5, cervical bodies as T1.
    """
    for one in (table, EXPECTED):
        found = _found_in(one, level)
        if found is not None:
            return found, one.name
    raise AssertionError("the program's own table has every level")


def _found_in(table: ReferenceTable, level: Level) -> LevelShape | None:
    if level in table.levels:
        return table.levels[level]
    if level is Level.T13:
        above, below = table.levels.get(Level.T12), table.levels.get(Level.L1)
        return None if above is None or below is None else _between(above, below)
    return table.levels.get(_usual(level))


def _usual(level: Level) -> Level:
    if level.rank < Level.T1.rank:
        return Level.T1
    return Level.L5 if level.rank > Level.L5.rank else level


def _between(above: LevelShape, below: LevelShape) -> LevelShape:
    return replace(
        above,
        anterior=sqrt(above.anterior * below.anterior),
        middle=sqrt(above.middle * below.middle),
        source=f"between {above.source}, and {below.source}",
    )

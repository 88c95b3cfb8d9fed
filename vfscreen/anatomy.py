"""Levels of the spine and the numbers and codes that others give them."""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """A vertebra; the value is its VerSe label.

    Source: VerSe challenge label definition (anjany/verse); 28 is T13, which lies between T12 and L1.
    """

    C1 = 1
    C2 = 2
    C3 = 3
    C4 = 4
    C5 = 5
    C6 = 6
    C7 = 7
    T1 = 8
    T2 = 9
    T3 = 10
    T4 = 11
    T5 = 12
    T6 = 13
    T7 = 14
    T8 = 15
    T9 = 16
    T10 = 17
    T11 = 18
    T12 = 19
    L1 = 20
    L2 = 21
    L3 = 22
    L4 = 23
    L5 = 24
    L6 = 25
    SACRUM = 26
    T13 = 28

    def __str__(self) -> str:
        return self.name

    @property
    def rank(self) -> int:
        """Place from the head down; T13 comes after T12, and L1 keeps one rank whether or not T13 is there."""
        return _RANK[self]


_FROM_HEAD: list[Level] = sorted(Level, key=lambda level: 19.5 if level is Level.T13 else float(level))
_RANK: dict[Level, int] = {level: rank for rank, level in enumerate(_FROM_HEAD)}

ASSESSED: tuple[Level, ...] = tuple(
    level for level in _FROM_HEAD if Level.T1.rank <= level.rank <= Level.L6.rank
)
"""The levels that are screened, from the head down: T1-T12, T13, L1-L6."""

USUAL: tuple[Level, ...] = tuple(level for level in ASSESSED if level not in (Level.T13, Level.L6))
"""T1-T12 and L1-L5: the seventeen levels of most people."""


def level_of(name: str) -> Level:
    """Returns the level with this name ("T12").

    Raises:
        ValueError: no level has that name.
    """
    try:
        return Level[name.strip().upper()]
    except KeyError:
        raise ValueError(f"no vertebra is called {name!r}") from None


def level_in_words(level: Level, certain: bool) -> str:
    """Names a level; a name that is not certain with a question mark, wherever it stands."""
    return str(level) if certain else f"{level}?"


def consecutive(first: Level, count: int) -> list[Level]:
    """Returns `count` levels from `first` downwards as most people have them (no T13, L6 after L5).

    Raises:
        ValueError: the spine ends before `count` levels.
    """
    usual: list[Level] = [level for level in _FROM_HEAD if level not in (Level.T13, Level.SACRUM)]
    start = usual.index(Level.T12 if first is Level.T13 else first)
    chosen = usual[start : start + count]
    if len(chosen) < count:
        raise ValueError(f"there are no {count} levels from {first} down")
    return [first, *chosen[1:]]


_UPWARDS = tuple(reversed(consecutive(Level.C1, 24)))

TOTALSEGMENTATOR: dict[int, Level] = {25: Level.SACRUM, 26: Level.SACRUM} | {
    27 + step: level for step, level in enumerate(_UPWARDS)
}
"""TotalSegmentator's numbers since version 2, which run from the sacrum up: 27 is L5, 50 is C1.

Source: wasserth/TotalSegmentator, class map of task "total".
"""

TOTALSEGMENTATOR_1: dict[int, Level] = {92: Level.SACRUM} | {
    18 + step: level for step, level in enumerate(_UPWARDS)
}
"""TotalSegmentator's numbers in version 1: 18 is L5, 41 is C1. Source: as above, class map "total_v1"."""

SNOMED: dict[str, Level] = {
    "14806007": Level.C1, "39976000": Level.C2, "113205007": Level.C3, "5329002": Level.C4,
    "36978003": Level.C5, "36054005": Level.C6, "87391001": Level.C7,
    "64864005": Level.T1, "53733008": Level.T2, "1626008": Level.T3, "73071006": Level.T4,
    "56401006": Level.T5, "45296009": Level.T6, "62487009": Level.T7, "11068009": Level.T8,
    "82687006": Level.T9, "7610001": Level.T10, "12989004": Level.T11, "23215003": Level.T12,
    "66794005": Level.L1, "14293000": Level.L2, "36470004": Level.L3, "11994002": Level.L4,
    "49668003": Level.L5, "65985001": Level.SACRUM, "54735007": Level.SACRUM,
}  # fmt: skip
"""Codes of SNOMED CT for single vertebrae, as DICOM objects hold them; L6 and T13 have none there.

Source: wasserth/TotalSegmentator, resources/totalsegmentator_snomed_mapping.csv.
"""

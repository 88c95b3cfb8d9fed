"""Levels of the spine and the numbers and codes that others give them."""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """A vertebra; the value is its VerSe label.

    Source: VerSe challenge label definition (anjany/verse); 28 is T13, which lies between T12 and L1.
    """

    C1, C2, C3, C4, C5, C6, C7 = range(1, 8)
    T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12 = range(8, 20)
    L1, L2, L3, L4, L5, L6 = range(20, 26)
    SACRUM = 26
    T13 = 28

    def __str__(self) -> str:
        return self.name

    @property
    def rank(self) -> int:
        """Place from the head down; T13 comes after T12, and L1 keeps one rank whether or not T13 is there."""
        return _RANK[self]


_FROM_HEAD = [level for level in Level if level not in (Level.T13, Level.SACRUM)]
_FROM_HEAD.insert(_FROM_HEAD.index(Level.L1), Level.T13)
_FROM_HEAD.append(Level.SACRUM)
_RANK = {level: rank for rank, level in enumerate(_FROM_HEAD)}

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


def consecutive(first: Level, count: int) -> list[Level]:
    """Returns `count` levels from `first` downwards as most people have them (no T13, L6 after L5).

    Raises:
        ValueError: the spine ends before `count` levels.
    """
    usual = [level for level in _FROM_HEAD if level not in (Level.T13, Level.SACRUM)]
    start = usual.index(Level.T12 if first is Level.T13 else first)
    chosen = usual[start : start + count]
    if len(chosen) < count:
        raise ValueError(f"there are no {count} levels from {first} down")
    return [first, *chosen[1:]]


# TotalSegmentator v2, task `total`: 26 S1, 27 L5 ... 31 L1, 32 T12 ... 43 T1, 44 C7 ... 50 C1.
# Source: wasserth/TotalSegmentator, class map of task "total"; its order runs from the sacrum up.
TOTALSEGMENTATOR: dict[int, Level] = {25: Level.SACRUM, 26: Level.SACRUM} | {
    27 + step: level
    for step, level in enumerate(
        reversed([level for level in _FROM_HEAD if level.rank <= Level.L5.rank and level is not Level.T13])
    )
}

# Source: SNOMED CT, as mapped by TotalSegmentator's resources/totalsegmentator_snomed_mapping.csv; T13 and L6 have none there.
SNOMED: dict[Level, str] = {
    Level.T1: "64864005", Level.T2: "53733008", Level.T3: "1626008", Level.T4: "73071006",
    Level.T5: "56401006", Level.T6: "45296009", Level.T7: "62487009", Level.T8: "11068009",
    Level.T9: "82687006", Level.T10: "7610001", Level.T11: "12989004", Level.T12: "23215003",
    Level.L1: "66794005", Level.L2: "14293000", Level.L3: "36470004", Level.L4: "11994002", Level.L5: "49668003",
}  # fmt: skip

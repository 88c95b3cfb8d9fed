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


TOTALSEGMENTATOR: dict[int, Level] = {25: Level.SACRUM, 26: Level.SACRUM}
"""TotalSegmentator's numbers, which run from the sacrum up: 27 is L5, 50 is C1.

Source: wasserth/TotalSegmentator, class map of task "total", version 2.
"""
TOTALSEGMENTATOR |= {50 - step: level for step, level in enumerate(consecutive(Level.C1, 24))}

"""Whose numbers a mask uses: VerSe's, TotalSegmentator's of today, or those of its version 1. Never guessed.

A mask that names its numbers is taken at its word. Else a numbering must explain everything that is seen: every number
is one of its own, at least two are vertebrae, these follow each other from the head down no further apart than those
levels are, and the row does not go on beyond its ends. Where several numberings do, or none, the user is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from vfscreen.anatomy import TOTALSEGMENTATOR, TOTALSEGMENTATOR_1, Level
from vfscreen.errors import MaskMismatch
from vfscreen.masks.names import level_named
from vfscreen.masks.places import SLIVER_MM3, Place


class MaskKind(StrEnum):
    """How a mask's numbers are to be read."""

    AUTO = "auto"
    VERSE = "verse"
    TOTALSEGMENTATOR = "totalsegmentator"
    TOTALSEGMENTATOR_1 = "totalsegmentator-v1"


@dataclass(frozen=True, slots=True)
class Numbering:
    """What numbers mean: `levels` those of vertebrae, `known` all that it uses, organs included."""

    form: str
    words: str
    levels: Mapping[int, Level]
    known: frozenset[int]


COCCYX = 27
NUMBERINGS: dict[MaskKind, Numbering] = {
    MaskKind.VERSE: Numbering(
        "verse", "VerSe", {int(level): level for level in Level}, frozenset({*map(int, Level), COCCYX})
    ),
    MaskKind.TOTALSEGMENTATOR: Numbering(
        "totalsegmentator", "TotalSegmentator", TOTALSEGMENTATOR, frozenset(range(1, 118))
    ),
    MaskKind.TOTALSEGMENTATOR_1: Numbering(
        "totalsegmentator-v1", "TotalSegmentator version 1", TOTALSEGMENTATOR_1, frozenset(range(1, 105))
    ),
}
"""Sources: VerSe's label definition; TotalSegmentator's class maps "total" (117 classes) and "total_v1" (104)."""

NEAREST_MM, FURTHEST_MM = 8.0, 60.0
"""Between the middles of neighbouring whole vertebrae; pieces at the end of a view lie nearer than bodies do."""
LARGEST_MM3 = 200_000.0
"""Twice a large lumbar vertebra."""
USUAL_STEP_MM = (
    [
        level.rank
        for level in (Level.C2, Level.C7, Level.T1, Level.T6, Level.T9, Level.T12, Level.L2, Level.L5)
    ],
    [16.5, 17.5, 19.0, 22.5, 25.0, 29.0, 34.0, 36.0],
)
"""From a vertebra to the next lower one, mm, by rank; 17 masks of the development cases have 0.79 to 1.05 of it."""
WIDEST_SHARE, FEWEST_STEPS = 1.2, 2
"""A spine that is this much wider than usual, in the median of a few steps, is read with the wrong numbers."""
GOES_ON_MM = 45.0
"""What lies this near beyond the last vertebra of a numbering may be the next one."""


def numbering_of(
    places: Mapping[int, Place], named: Mapping[int, str], kind: MaskKind, where: str
) -> Numbering:
    """Finds out whose numbers a mask uses; `named` are the names that the file itself gives them.

    Raises:
        MaskMismatch: none of the numberings explains the mask, or several do, or not the one that was asked for.
    """
    if kind is not MaskKind.AUTO:
        wrong = _what_is_wrong(NUMBERINGS[kind], places)
        if wrong:
            raise MaskMismatch(
                f"not a mask in the numbers of {NUMBERINGS[kind].words}: {wrong}", where, _ask(NUMBERINGS)
            )
        return NUMBERINGS[kind]
    if named:
        return _numbering_named(places, named, where)
    wrongs = {
        one: _what_is_wrong(numbering, places)
        or _too_little(numbering, places)
        or _too_wide(numbering, places)
        for one, numbering in NUMBERINGS.items()
    }
    fitting = [one for one, wrong in wrongs.items() if not wrong]
    if len(fitting) == 1:
        return NUMBERINGS[fitting[0]]
    if fitting:
        words = " and ".join(NUMBERINGS[one].words for one in fitting)
        raise MaskMismatch(
            f"the mask's numbers ({_listed(places)}) can be read as those of {words}", where, _ask(fitting)
        )
    reasons = "; ".join(f"not {NUMBERINGS[one].words}: {wrong}" for one, wrong in wrongs.items())
    raise MaskMismatch(
        f"it cannot be told what the mask's labels mean ({reasons})",
        where,
        f"number the vertebrae as VerSe does (1-24 for C1-L5), or {_ask(NUMBERINGS)}",
    )


def _numbering_named(places: Mapping[int, Place], named: Mapping[int, str], where: str) -> Numbering:
    levels = {number: level for number, name in named.items() if (level := level_named(name)) is not None}
    numbering = Numbering("named", "its own names", levels, frozenset(named))
    wrong = _what_is_wrong(numbering, places)
    if wrong:
        raise MaskMismatch(
            f"the mask contradicts the names that it gives its labels: {wrong}",
            where,
            "export it again, or say how to read it with --mask-kind",
        )
    return numbering


def _what_is_wrong(numbering: Numbering, places: Mapping[int, Place]) -> str:
    """Says why a numbering cannot be meant; empty if it can."""
    strange = sorted(set(places) - numbering.known)
    if strange:
        return f"it has no label {_listed(strange)}"
    row = _row(numbering, places)
    if not row:
        return "no vertebra among the labels"
    for number in row:
        if places[number].volume_mm3 > LARGEST_MM3:
            return f"its {numbering.levels[number]} would be as large as an organ"
    for upper, lower in pairwise(row):
        names = numbering.levels[upper], numbering.levels[lower]
        step = places[upper].centre_lps_mm - places[lower].centre_lps_mm
        if step[2] <= 0:
            return f"its {names[0]} would lie below its {names[1]}"
        apart_mm = float(np.linalg.norm(step))
        if names[1].rank == names[0].rank + 1 and not NEAREST_MM <= apart_mm <= FURTHEST_MM:
            return f"its {names[0]} and {names[1]} would lie {apart_mm:.0f} mm apart"
    return _goes_on(numbering, places)


def _too_little(numbering: Numbering, places: Mapping[int, Place]) -> str:
    row = _row(numbering, places)
    return "" if len(row) > 1 else f"its {numbering.levels[row[0]]} alone says too little"


def _too_wide(numbering: Numbering, places: Mapping[int, Place]) -> str:
    """Looks whether the vertebrae lie as far apart as others lower down do, which tells versions nine levels apart."""
    shares = []
    for upper, lower in pairwise(_row(numbering, places)):
        rank = numbering.levels[upper].rank
        if numbering.levels[lower].rank == rank + 1:
            apart_mm = np.linalg.norm(places[upper].centre_lps_mm - places[lower].centre_lps_mm)
            shares.append(float(apart_mm / np.interp(rank, *USUAL_STEP_MM)))
    if len(shares) < FEWEST_STEPS or float(np.median(shares)) <= WIDEST_SHARE:
        return ""
    return f"its vertebrae would lie {np.median(shares):.1f} times as far apart as such levels do"


def _row(numbering: Numbering, places: Mapping[int, Place]) -> list[int]:
    """Returns the numbers that would be vertebrae and are more than slivers, from the head down."""
    vertebrae = [
        number
        for number, place in places.items()
        if place.volume_mm3 >= SLIVER_MM3 and numbering.levels.get(number, Level.SACRUM) is not Level.SACRUM
    ]
    return sorted(vertebrae, key=lambda number: numbering.levels[number].rank)


def _goes_on(numbering: Numbering, places: Mapping[int, Place]) -> str:
    """Looks at the numbers next to the first and the last vertebra: is the row of vertebrae longer than it may be?"""
    numbers = set(numbering.levels)
    for end in numbers:
        for beyond in (end - 1, end + 1):
            if beyond in numbers or end not in places or beyond not in places:
                continue
            onward = places[beyond].centre_lps_mm - places[end].centre_lps_mm
            outward = onward[2] if numbering.levels[end].rank < Level.T1.rank else -onward[2]
            if outward > NEAREST_MM and float(np.linalg.norm(onward)) <= GOES_ON_MM:
                return f"the row of vertebrae would go on beyond its {numbering.levels[end]}"
    return ""


def _ask(kinds: Mapping[MaskKind, Numbering] | list[MaskKind]) -> str:
    return f"say which: {' or '.join(f'--mask-kind {kind}' for kind in kinds)}"


def _listed(numbers: Mapping[int, Place] | list[int]) -> str:
    texts = [str(number) for number in sorted(numbers)]
    return ", ".join(texts if len(texts) <= 6 else [*texts[:3], "...", texts[-1]])

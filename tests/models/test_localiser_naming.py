"""Names: an anchor decides, and without one nothing is called certain."""

from __future__ import annotations

import numpy as np

from models.localiser.level_net import CLASSES, SACRAL
from models.localiser.naming import name_chain
from vfscreen.anatomy import Level, consecutive


def reading(classes: list[int], sharp: float, spread: float = 0.0) -> np.ndarray:
    """Log-probabilities that point to the given classes; `spread` blurs them over the neighbours."""
    chances = np.full((len(classes), len(CLASSES)), 0.002)
    for row, wanted in enumerate(classes):
        chances[row, wanted] = sharp
        for other in (wanted - 1, wanted + 1):
            if 0 <= other < len(CLASSES):
                chances[row, other] = max(spread, 0.002)
    return np.log(chances / chances.sum(1, keepdims=True))


def test_a_clear_reading_names_the_whole_chain() -> None:
    naming = name_chain(reading(list(range(1, 13)), 0.8), np.arange(12), np.zeros(13))
    assert list(naming.levels) == consecutive(Level.T1, 12)
    assert naming.certain


def test_the_sacrum_overrides_what_the_ribs_seem_to_say() -> None:
    chances = reading([12, 13, 14, 15, 16], 0.3, 0.3)  # T12-L4, with its neighbours as likely
    sacrum = np.array([0.01, 0.01, 0.01, 0.01, 0.02, 0.97])
    naming = name_chain(chances, np.arange(5), sacrum)
    assert list(naming.levels) == consecutive(Level.L1, 5)


def test_the_neck_and_the_sacrum_get_no_name() -> None:
    chances = reading([0, 1, 2, 3], 0.9)
    assert name_chain(chances, np.arange(4), np.zeros(5)).levels[0] is None
    chances = reading([16, 17, SACRAL], 0.9)
    naming = name_chain(chances, np.arange(3), np.array([0.0, 0.0, 0.95, np.nan]))
    assert naming.levels == (Level.L4, Level.L5, None)


def a_whole_spine(doubled: int | None = None, missing: int | None = None) -> list[int]:
    """What the bodies from C7 to S1 look like, with one look twice or one look missing."""
    looks = list(range(len(CLASSES) - 1))
    if doubled is not None:
        looks.insert(doubled, doubled)
    if missing is not None:
        looks.remove(missing)
    return looks


def named(looks: list[int], sharp: float = 0.9) -> list[str | None]:
    sacrum = np.array([0.9 if look == SACRAL else 0.01 for look in looks] + [np.nan])
    naming = name_chain(reading(looks, sharp), np.arange(len(looks)), sacrum)
    assert naming.certain
    return [None if level is None else str(level) for level in naming.levels]


def test_a_thirteenth_rib_bearing_body_is_t13() -> None:
    names = named(a_whole_spine(doubled=12))
    assert names[11:15] == ["T11", "T12", "T13", "L1"]
    assert names[-2:] == ["L5", None]


def test_a_sixth_lumbar_body_is_l6() -> None:
    for body in (14, 15, 16, 17):  # whichever look is there twice
        names = named(a_whole_spine(doubled=body))
        assert names[12:] == ["T12", "L1", "L2", "L3", "L4", "L5", "L6", None]


def test_without_a_twelfth_rib_bearing_body_l1_follows_t11() -> None:
    names = named(a_whole_spine(missing=12))
    assert names[10:14] == ["T10", "T11", "L1", "L2"]


def test_a_count_that_cannot_be_told_from_the_view_changes_no_name() -> None:
    assert named(list(range(1, 11)))[-1] == "T10"
    assert named([13, 14, 15, 16, 17, SACRAL])[:2] == ["L1", "L2"]


def test_a_missing_body_keeps_its_name_free() -> None:
    naming = name_chain(reading([13, 14, 16, 17], 0.9), np.array([0, 1, 3, 4]), np.full(5, np.nan))
    assert naming.levels == (Level.L1, Level.L2, Level.L4, Level.L5)


def test_without_an_anchor_names_are_consecutive_but_not_certain() -> None:
    flat = np.full((4, len(CLASSES)), -np.log(len(CLASSES)))
    naming = name_chain(flat, np.arange(4), np.full(5, np.nan))
    named = [level for level in naming.levels if level is not None]
    assert not naming.certain
    assert named == consecutive(named[0], len(named))

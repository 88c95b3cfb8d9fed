"""Which of the bodies that are known are the bodies that were just found?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
SMALLEST_SPACING_MM = 18.0
"""Where only one body is known and found, no spacing can be measured: that of upper thoracic bodies, the smallest."""


def match_bodies(known_lps_mm: Float, found_lps_mm: Float) -> list[int | None]:
    """Returns for each found centre the index of the known one that it is, or None for a new body.

    One to one, nearest pairs first; a pair may be at most half the spacing of the neighbours apart.

    Shapes: (k, 3) and (f, 3). Frame: LPS mm.
    """
    matched: list[int | None] = [None] * len(found_lps_mm)
    if not len(known_lps_mm) or not len(found_lps_mm):
        return matched
    apart_mm = np.linalg.norm(found_lps_mm[:, None] - known_lps_mm[None], axis=-1)
    reach_mm = np.minimum(_spacing_mm(found_lps_mm)[:, None], _spacing_mm(known_lps_mm)[None]) / 2
    apart_mm[apart_mm > reach_mm] = np.inf
    while np.isfinite(apart_mm).any():
        found, known = np.unravel_index(int(apart_mm.argmin()), apart_mm.shape)
        matched[int(found)] = int(known)
        apart_mm[found, :] = np.inf
        apart_mm[:, known] = np.inf
    return matched


def _spacing_mm(centres_lps_mm: Float) -> Float:
    """Returns the distance from each centre to its nearest neighbour, (n,) mm."""
    if len(centres_lps_mm) == 1:
        return np.array([SMALLEST_SPACING_MM])
    apart_mm = np.linalg.norm(centres_lps_mm[:, None] - centres_lps_mm[None], axis=-1)
    np.fill_diagonal(apart_mm, np.inf)
    return np.asarray(apart_mm.min(1))

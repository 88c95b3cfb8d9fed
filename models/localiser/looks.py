"""What the bodies of a chain look like, and whether the chain makes more sense turned upside down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.localiser.curve import curve_through
from models.localiser.level_net import LevelNet, read_levels
from models.localiser.naming import evidence_of_looks
from models.localiser.straighten import STRIP_MM, coronal_strip
from vfscreen.volume import Volume

Float = NDArray[np.float64]

FEWEST_BODIES = 4
"""Of fewer bodies no one can say in which direction they grow."""
TURNED_EVIDENCE = 5.0
"""How much better (log) the looks must fit a spine turned upside down."""
TURNED = np.array([1.0, 1.0, -1.0])


def level_chances(net: LevelNet, volume: Volume, centres: Float) -> Float:
    """Reads each body's log-probabilities of what it looks like, (n, 20), from centres (n, 3) from the head down."""
    if len(centres) < 2:
        line = curve_through(centres[0] + np.array([[0, 0, 15.0], [0, 0, -15.0]]), STRIP_MM, (45.0, 45.0))
    else:
        line = curve_through(centres, STRIP_MM, (60.0, 60.0), smooth_mm=5.0)
    rows = np.array([line.coordinates(centre)[0] for centre in centres])
    return read_levels(net, coronal_strip(volume, line), rows)


def looks_upside_down(
    net: LevelNet, volume: Volume, centres: Float, places: NDArray[np.intp], looks: Float
) -> bool:
    """Says whether a header seems to have swapped head and feet.

    Two signs must agree: vertebrae become smaller from the head down instead of larger, and with head and feet
    exchanged the bodies look much more like a spine. (A neck without ribs looks like loins, but its bodies grow.)

    Shapes: centres (n, 3) LPS mm and places (n,) from the head down; looks (n, 20), those of `level_chances`.
    """
    if len(centres) < FEWEST_BODIES:
        return False
    spacing_mm = np.linalg.norm(np.diff(centres, axis=0), axis=1) / np.diff(places)
    if np.polyfit(np.arange(len(spacing_mm)), spacing_mm, 1)[0] >= 0:
        return False
    affine = volume.affine.copy()
    affine[2] *= -1
    turned = level_chances(net, Volume(volume.voxels, affine), centres[::-1] * TURNED)
    better = evidence_of_looks(turned, places[-1] - places[::-1]) - evidence_of_looks(looks, places)
    return better > TURNED_EVIDENCE

"""Giving a broken body back the height that it lacks: the simulation's field, read in the other direction.

The field takes healthy space to broken space. Here the broken side is known, so the healthy points are looked for
which it would take there. A picture of the unbroken body then needs no inverse: each of its places shows what the CT
holds where the field takes that place. Discs and the spine above follow, as they do when a fracture is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.simulate import Deformity, Field, field_of
from vfscreen.genant import Axes, SixPoints, axes_of, heights_of
from vfscreen.volume import plane_points

Float = NDArray[np.float64]
Three = tuple[float, float, float]

USUAL_DISC_MM, DISC_LIMITS_MM = 6.0, (4.0, 12.0)
CLOSE_ENOUGH_MM = 0.02
MOST_STEPS = 30
SHARES_TRIED = (1.0, 0.85, 0.7, 0.5, 0.3)
SMALLEST_JACOBIAN = 0.05
LEAST_SHARE_MM = 2.0
"""Under this much loss the two endplates cannot be told apart by how far they have come in."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A body with its loss undone. `field` takes unbroken space to the space of the CT.

    Units: `restored_mm` is what anterior, middle and posterior height gained.
    """

    field: Field
    points: SixPoints
    restored_mm: Three


def restored(
    points: SixPoints, missing_mm: Three, above: SixPoints | None, below: SixPoints | None
) -> Restored | None:
    """Gives a body the heights back that it lacks, or as much of them as can be without folding space.

    Returns None where even the least share tried folds: points that are no body's.
    """
    for share in SHARES_TRIED:
        wanted = tuple(share * part for part in missing_mm)
        found = _restored(points, (wanted[0], wanted[1], wanted[2]), above, below)
        if found is not None and smallest_jacobian(found) >= SMALLEST_JACOBIAN:
            return found
    return None


def smallest_jacobian(found: Restored) -> float:
    """Returns the least determinant of the field's derivative round the body; not positive where space folds."""
    axes = axes_of(found.points)
    corner = axes.origin - 9.0 * axes.left - 34.0 * axes.posterior - 46.0 * axes.superior
    places = plane_points(corner, axes.matrix(), (3, 24, 32), (9.0, 3.0, 3.0))
    return float(found.field.jacobian(places).min())


def _restored(
    points: SixPoints, wanted_mm: Three, above: SixPoints | None, below: SixPoints | None
) -> Restored | None:
    """Looks for the healthy points that the field takes to the given ones; None if that does not settle."""
    broken, target = points.array(), heights_of(points).array() + wanted_mm
    axes = axes_of(points)
    share = superior_share(points, wanted_mm)
    discs = _disc_mm(axes, points, above), _disc_mm(axes, points, below)
    gain = np.array(wanted_mm)
    healthy = broken.copy()
    healthy[:3] += share * gain[:, None] * axes.superior
    healthy[3:] -= (1 - share) * gain[:, None] * axes.superior
    for _ in range(MOST_STEPS):
        now = SixPoints.from_array(healthy)
        short = target - heights_of(now).array()
        gain = gain + short
        try:
            field = field_of(now, Deformity(_three(gain), share, crowding=0.0, discs_mm=discs))
        except ValueError:  # the search has run away
            return None
        gap = broken - field.forward(healthy)
        if max(np.abs(gap).max(), np.abs(short).max()) <= CLOSE_ENOUGH_MM:
            return Restored(field, now, _three(heights_of(now).array() - heights_of(points).array()))
        healthy = healthy + gap
    return None


def superior_share(points: SixPoints, missing_mm: Three) -> float:
    """Estimates how much of a loss the upper endplate took (0.1 to 0.9): which of the two has come in further.

    The front corners are compared by how far they lie inside the perpendiculars of the posterior wall, the middles by
    how far they have sunk below the line between their corners. A healthy body is taken to be the same at both ends.
    """
    superior_anterior, superior_middle, superior_posterior, *lower = points.array()
    inferior_anterior, inferior_middle, inferior_posterior = lower
    wall = superior_posterior - inferior_posterior
    wall = wall / np.linalg.norm(wall)
    up = axes_of(points).superior
    front = float((superior_posterior - superior_anterior - (inferior_anterior - inferior_posterior)) @ wall)
    sunk = (superior_anterior + superior_posterior) / 2 - superior_middle
    risen = inferior_middle - (inferior_anterior + inferior_posterior) / 2
    anterior, middle, posterior = missing_mm
    lopsided = front if anterior > posterior else 0.0
    if middle > (anterior + posterior) / 2:
        lopsided += float((sunk - risen) @ up)
    return float(np.clip(0.5 + lopsided / (2 * max(*missing_mm, LEAST_SHARE_MM)), 0.1, 0.9))


def _disc_mm(axes: Axes, points: SixPoints, other: SixPoints | None) -> float:
    """The height of a disc at its rims: from this body's corners to the nearest of the neighbour's."""
    if other is None:
        return USUAL_DISC_MM
    own, its = points.array(), other.array()
    is_above = float((its.mean(0) - own.mean(0)) @ axes.superior) > 0
    gaps = its[[3, 5]] - own[[0, 2]] if is_above else own[[3, 5]] - its[[0, 2]]
    return float(np.clip((gaps @ axes.superior).mean(), *DISC_LIMITS_MM))


def _three(values: Float) -> Three:
    first, second, third = (float(value) for value in values)
    return first, second, third

"""Breaking a healthy vertebra: a smooth, fold-free deformation of space with wedge, biconcave or crush loss.

The field is analytic and takes healthy space to broken space. In the body's own axes the endplates come closer by
what each height shall lose; the spine above and below follows as a rigid part, fitted to the moved rims; the discs
blend between the two. Behind and in front of the body the change is spread over body and discs, so that the arch
bends instead of breaking. Resampling needs the inverse, which a damped fixed-point iteration finds: the plain one
diverges where a disc is stretched to more than twice its height, so steps get shorter where they overshoot.

What others build on: `field_of(points, deformity)` of the healthy body's points, then `forward`, `displacement` and
`inverse` of the field. A broken picture reads the CT at `inverse(places)`. A broken body is seen unbroken the other
way round: with the field of its points as they should be, the CT is read at `forward(places)`, and nothing is iterated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vfscreen.genant import Axes, SixPoints, axes_of

Float = NDArray[np.float64]

DAMPING = 0.65
MOST_STEPS = 40
CLOSE_ENOUGH_MM = 0.03
FRONT_FADE_MM = 8.0
BACK_FADE_MM = 7.0
STEP_HEIGHT_MM, STEP_DEPTH_MM = 2.2, 5.0
"""How far along the wall and into the body a cortical step reaches (SD)."""


@dataclass(frozen=True, slots=True)
class Deformity:
    """What shall happen to a body.

    Units: `losses_mm` (anterior, middle, posterior) and `discs_mm` (above, below) in mm, `tilts_deg` in degrees.
    `superior_share` of the loss goes to the upper endplate; `crowding` (0 to 0.35) of the strain gathers next to the
    endplates that move, the rest is even; `dent_skew` moves the deepest place backwards (>1) or forwards (<1) and
    `dent_width` narrows it (1 wide, 2.5 narrow); `side_tilt` makes one side lose more (share per 20 mm).
    Tilts turn the spine above and below about the disc, as in healthy people; no height changes by them.
    `step_mm` pushes the anterior wall forward in a narrow fold at `step_place` of its height (0 below, 1 above): the
    cortical step of a fresh wedge.
    """

    losses_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    superior_share: float = 0.7
    crowding: float = 0.2
    dent_skew: float = 1.0
    dent_width: float = 1.5
    side_tilt: float = 0.0
    discs_mm: tuple[float, float] = (6.0, 6.0)
    tilts_deg: tuple[float, float] = (0.0, 0.0)
    step_mm: float = 0.0
    step_place: float = 0.75


@dataclass(frozen=True, slots=True)
class _Rigid:
    """A turn in the sagittal plane about a pivot, and a shift along the body. Units: radians, mm."""

    angle: float
    pivot_y: float
    pivot_z: float
    shift_z: float

    def displacement(self, y: Float, z: Float) -> tuple[Float, Float]:
        """Returns how far points move along y and z."""
        dy, dz = y - self.pivot_y, z - self.pivot_z
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return (cosine - 1) * dy - sine * dz, sine * dy + (cosine - 1) * dz + self.shift_z


@dataclass(frozen=True, slots=True)
class Field:
    """A deformation of space round one body.

    Frame: LPS mm outside; inside x is left, y posterior, z superior of the body before it broke.
    """

    axes: Axes
    deformity: Deformity
    wall_y: tuple[float, float]
    upper_z: Float
    lower_z: Float
    above: _Rigid = field(repr=False)
    below: _Rigid = field(repr=False)

    def displacement(self, points_lps_mm: Float) -> Float:
        """Returns how far places in healthy space (..., 3) move when the body breaks, (..., 3) LPS mm."""
        rotation = self.axes.matrix()
        local = (points_lps_mm - self.axes.origin) @ rotation.T
        return np.asarray(self._moves(local) @ rotation)

    def forward(self, points_lps_mm: Float) -> Float:
        """Takes places in healthy space (..., 3) to where they lie in broken space."""
        return points_lps_mm + self.displacement(points_lps_mm)

    def inverse(self, points_lps_mm: Float) -> tuple[Float, float]:
        """Takes places in broken space (..., 3) back; also returns the largest error that is left, mm."""
        rotation = self.axes.matrix()
        wanted = ((points_lps_mm - self.axes.origin) @ rotation.T).reshape(-1, 3)
        found = wanted - self._moves(wanted)
        active = np.arange(len(wanted))
        residuals, last_error = np.zeros(len(wanted)), np.zeros_like(wanted)
        damping = np.full((len(wanted), 1), DAMPING)
        for _ in range(MOST_STEPS):
            error = wanted[active] - found[active] - self._moves(found[active])
            size = np.abs(error).max(-1)
            overshot = ((error * last_error[active]).sum(-1) < 0) & (size > residuals[active] / 2)
            damping[active[overshot]] /= 2  # space is stretched here
            residuals[active], last_error[active] = size, error
            open_ones = size > CLOSE_ENOUGH_MM
            active = active[open_ones]
            if not len(active):
                break
            found[active] += damping[active] * error[open_ones]
        back = found.reshape(points_lps_mm.shape) @ rotation + self.axes.origin
        return back, float(residuals.max(initial=0.0))

    def jacobian(self, points_lps_mm: Float, step_mm: float = 0.05) -> Float:
        """Returns the determinant of the forward field's derivative at points (..., 3); shape (...)."""
        columns = []
        for axis in range(3):
            offset = np.zeros(3)
            offset[axis] = step_mm
            difference = self.forward(points_lps_mm + offset) - self.forward(points_lps_mm - offset)
            columns.append(difference / (2 * step_mm))
        return np.asarray(np.linalg.det(np.stack(columns, -1)))

    def _moves(self, local: Float) -> Float:
        x, y, z = local[..., 0], local[..., 1], local[..., 2]
        deformity = self.deformity
        upper, lower = _endplate(self.wall_y, self.upper_z, y), _endplate(self.wall_y, self.lower_z, y)
        loss = self._loss_at(x, y)
        top, bottom = -deformity.superior_share * loss, (1 - deformity.superior_share) * loss
        share = np.clip((z - lower) / (upper - lower), 0.0, 1.0)
        body_z = bottom + (top - bottom) * self._strain(share)
        in_or_below = 1 - _rise((z - upper) / deformity.discs_mm[0])
        in_or_above = 1 - _rise((lower - z) / deformity.discs_mm[1])
        above_y, above_z = self.above.displacement(y, z)
        below_y, below_z = self.below.displacement(y, z)
        near_y = (1 - in_or_below) * above_y + (1 - in_or_above) * below_y
        near_z = (
            in_or_below * in_or_above * body_z + (1 - in_or_below) * above_z + (1 - in_or_above) * below_z
        )

        bottom_z = float(self.lower_z.mean()) - deformity.discs_mm[1]
        top_z = float(self.upper_z.mean()) + deformity.discs_mm[0]
        rising = _rise((z - bottom_z) / (top_z - bottom_z))
        far_y = (1 - rising) * below_y + rising * above_y
        far_z = (1 - rising) * below_z + rising * above_z

        front, back = self.wall_y
        within = (1 - _rise((front - 1 - y) / FRONT_FADE_MM)) * (1 - _rise((y - back - 1) / BACK_FADE_MM))
        moved = np.zeros_like(local)
        moved[..., 1] = within * near_y + (1 - within) * far_y - self._step_at(y, z)
        moved[..., 2] = within * near_z + (1 - within) * far_z
        return moved

    def _loss_at(self, x: Float, y: Float) -> Float:
        """The height that is lost at a place of the endplates, mm: a line from wall to wall and a dent between."""
        anterior, middle, posterior = self.deformity.losses_mm
        front, back = self.wall_y
        place = np.clip((y - front) / (back - front), 0.0, 1.0)
        line = anterior + (posterior - anterior) * place
        dent = (middle - (anterior + posterior) / 2) * self._dent(place) / self._dent(np.array(0.5))
        sideways = 1 + np.clip(self.deformity.side_tilt * x / 20.0, -0.3, 0.3)
        return np.asarray((line + dent) * sideways)

    def _step_at(self, y: Float, z: Float) -> Float:
        """How far the anterior wall is pushed forward, mm."""
        if self.deformity.step_mm == 0.0:
            return np.zeros(())
        low, high = float(self.lower_z[0]), float(self.upper_z[0])
        away_z = (z - low - self.deformity.step_place * (high - low)) / STEP_HEIGHT_MM
        away_y = (y - self.wall_y[0]) / STEP_DEPTH_MM
        return np.asarray(self.deformity.step_mm * np.exp(-(away_z**2) - away_y**2))

    def _dent(self, place: Float) -> Float:
        return np.asarray(np.sin(np.pi * place**self.deformity.dent_skew) ** self.deformity.dent_width)

    def _strain(self, share: Float) -> Float:
        """Cumulative strain from the lower to the upper endplate: even, and a part gathered at what moves."""
        crowding, superior = self.deformity.crowding, self.deformity.superior_share
        at_top, at_bottom = share**3, 1 - (1 - share) ** 3
        return np.asarray(
            (1 - crowding) * share + crowding * (superior * at_top + (1 - superior) * at_bottom)
        )


def field_of(points: SixPoints, deformity: Deformity) -> Field:
    """Builds the field that does this to the body with these points.

    Raises:
        ValueError: a height would be gone.
    """
    axes = axes_of(points)
    local = (points.array() - axes.origin) @ axes.matrix().T
    front = float(local[[0, 3], 1].mean())
    back = float(local[[2, 5], 1].mean())
    upper, lower = local[:3, 2], local[3:, 2]
    if np.any(upper - lower - np.array(deformity.losses_mm) < 1.0):
        raise ValueError("nothing would be left of the body")
    anterior, _, posterior = deformity.losses_mm
    share = deformity.superior_share
    above = _follow((front, back), -share * anterior, -share * posterior, upper[2], deformity.tilts_deg[0])
    below = _follow(
        (front, back),
        (1 - share) * anterior,
        (1 - share) * posterior,
        lower[2],
        deformity.tilts_deg[1],
    )
    return Field(axes, deformity, (front, back), upper, lower, above, below)


def _follow(walls: tuple[float, float], front_move: float, back_move: float, z: float, tilt: float) -> _Rigid:
    """The rigid motion of the spine beyond an endplate whose rims move by so much along z."""
    front, back = walls
    angle = float(np.arcsin(np.clip((back_move - front_move) / (back - front), -0.7, 0.7)))
    return _Rigid(angle + float(np.deg2rad(tilt)), back, float(z), back_move)


def _endplate(walls: tuple[float, float], heights_z: Float, y: Float) -> Float:
    """The height of an endplate at y: the parabola through its three points, level beyond the walls."""
    front, back = walls
    t = np.clip(2 * (y - front) / (back - front) - 1, -1.0, 1.0)
    anterior, middle, posterior = (float(value) for value in heights_z)
    return np.asarray(middle + (posterior - anterior) / 2 * t + ((anterior + posterior) / 2 - middle) * t**2)


def _rise(t: Float) -> Float:
    """Goes smoothly from 0 at t = 0 to 1 at t = 1, flat at both ends."""
    t = np.clip(t, 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def moved_points(fields: Sequence[Field], points: SixPoints) -> SixPoints:
    """Takes six points through fields, in the order in which they act."""
    places = points.array()
    for one in fields:
        places = one.forward(places)
    return SixPoints.from_array(places)


def healthy_places(fields: Sequence[Field], places_lps_mm: Float) -> tuple[Float, float]:
    """Takes places of broken space back through fields; also returns the largest error, mm."""
    worst = 0.0
    for one in reversed(fields):
        places_lps_mm, error = one.inverse(places_lps_mm)
        worst = max(worst, error)
    return places_lps_mm, worst

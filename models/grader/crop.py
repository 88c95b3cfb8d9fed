"""Cutting a vertebral body out of a CT in its own axes, at fixed millimetres, with both neighbours in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfscreen.anatomy import Level
from vfscreen.errors import UnsupportedGeometry
from vfscreen.findings import Vertebra
from vfscreen.genant import Axes, Heights, Reference, SixPoints, axes_of, losses
from vfscreen.grid_sampling import sample_grid
from vfscreen.volume import AIR_HU, Volume, plane_points

Float = NDArray[np.float64]
Plane = NDArray[np.float32]

VIEW_PLANES, VIEW_ROWS, VIEW_COLUMNS = 7, 96, 64
"""What the network sees: sagittal planes 3 mm apart, rows and columns of 1 mm."""

PLANE_STEP_MM = 3.0
FRONT_MM = 26.0
"""The view begins this far in front of the body's centre: more room behind, where the canal and the arch are."""

Levels = tuple[Level, Level | None, Level | None]
"""The names of a body, of the one above and of the one below."""

MARGIN = 10
"""Rows and columns that a crop keeps round the view, so that training can turn and shift it; one plane a side."""

PLANES, ROWS, COLUMNS = VIEW_PLANES + 2, VIEW_ROWS + 2 * MARGIN, VIEW_COLUMNS + 2 * MARGIN
SHAPE, VIEW_SHAPE = (PLANES, ROWS, COLUMNS), (VIEW_PLANES, VIEW_ROWS, VIEW_COLUMNS)
STEPS_MM = (PLANE_STEP_MM, 1.0, 1.0)
NEIGHBOUR_REACH_MM = 60.0


@dataclass(frozen=True, slots=True)
class Crop:
    """A body with its surroundings, ready to be viewed by the network.

    Shapes: planes `SHAPE` int16, or `VIEW_SHAPE` where nothing will be turned or shifted; points_mm (3, 6, 3) float32:
    this body, the one above, the one below, NaN where there is none.
    Units: planes in Hounsfield units, row 0 at the top, column 0 in front; thickness is the CT's step along the spine.
    Frame: points in the body's own axes (left, posterior, superior), origin at its centre.
    """

    planes: NDArray[np.int16]
    points_mm: NDArray[np.float32]
    levels: Levels
    thickness_mm: float

    @property
    def blank(self) -> bool:
        """Whether nothing of a CT is there, as where only a mask was."""
        return bool((self.planes == AIR_HU).all())

    def view(self) -> NDArray[np.int16]:
        """Returns the planes that the network sees, without the margin. Shapes: `VIEW_SHAPE`."""
        middle = [(have - seen) // 2 for have, seen in zip(self.planes.shape, VIEW_SHAPE, strict=True)]
        return self.planes[tuple(slice(a, a + seen) for a, seen in zip(middle, VIEW_SHAPE, strict=True))]

    def losses_percent(self) -> Float:
        """Returns the missing share of anterior, middle and posterior height against expectation, (3,) percent."""
        return losses_of(self.points_mm, self.levels)


def neighbours_of(vertebra: Vertebra, others: Sequence[Vertebra]) -> tuple[Vertebra | None, Vertebra | None]:
    """Finds the nearest measured bodies above and below, whatever they are called; None where there is none."""
    if vertebra.points is None:
        return None, None
    axes = axes_of(vertebra.points)
    above: tuple[float, Vertebra | None] = (NEIGHBOUR_REACH_MM, None)
    below: tuple[float, Vertebra | None] = (NEIGHBOUR_REACH_MM, None)
    for other in others:
        if other is vertebra or other.points is None:
            continue
        centre = axes_of(other.points).origin
        rise_mm = float((centre - axes.origin) @ axes.superior)
        distance_mm = float(np.linalg.norm(centre - axes.origin))
        if rise_mm > 5.0 and distance_mm < above[0]:
            above = distance_mm, other
        if rise_mm < -5.0 and distance_mm < below[0]:
            below = distance_mm, other
    return above[1], below[1]


def grid_lps_mm(axes: Axes) -> Float:
    """Returns the places of a crop's voxels, (PLANES, ROWS, COLUMNS, 3) LPS mm."""
    return plane_points(*_frame(axes, SHAPE), SHAPE, STEPS_MM)


def _frame(axes: Axes, shape: tuple[int, int, int]) -> tuple[Float, Float]:
    """Returns where the first voxel lies, (3,) LPS mm, and the directions of the axes, (3, 3)."""
    planes, rows, columns = shape
    first = (
        axes.origin
        - axes.left * PLANE_STEP_MM * (planes - 1) / 2
        + axes.superior * (rows - 1) / 2
        - axes.posterior * (FRONT_MM + (columns - VIEW_COLUMNS) / 2)
    )
    return first, np.stack([axes.left, -axes.superior, axes.posterior])


def places_mm() -> tuple[Plane, Plane, Plane]:
    """Returns left, posterior and superior of a crop's voxels, each broadcastable to (PLANES, ROWS, COLUMNS)."""
    x = (np.arange(PLANES, dtype=np.float32) - (PLANES - 1) / 2)[:, None, None] * np.float32(PLANE_STEP_MM)
    z = ((ROWS - 1) / 2 - np.arange(ROWS, dtype=np.float32))[None, :, None]
    y = (np.arange(COLUMNS, dtype=np.float32) - np.float32(FRONT_MM + MARGIN))[None, None, :]
    return x, y, z


def in_axes(axes: Axes, points: Sequence[SixPoints | None]) -> NDArray[np.float32]:
    """Takes six-point sets to a body's axes, (n, 6, 3) mm; NaN for None."""
    local = np.full((len(points), 6, 3), np.nan, np.float32)
    for i, six in enumerate(points):
        if six is not None:
            local[i] = (six.array() - axes.origin) @ axes.matrix().T
    return local


def step_along_mm(volume: Volume, direction: Float) -> float:
    """Returns the voxel step along the array axis that runs closest to a direction."""
    columns = volume.affine[:3, :3] / volume.spacing_mm
    return float(volume.spacing_mm[int(np.abs(direction @ columns).argmax())])


def cut_crop(
    volume: Volume,
    vertebra: Vertebra,
    above: Vertebra | None,
    below: Vertebra | None,
    shape: tuple[int, int, int] = SHAPE,
) -> Crop:
    """Cuts a body out with one linear resampling; what lies outside the scan reads as air.

    `shape` is `SHAPE`, with a margin to turn and shift it in, or `VIEW_SHAPE`, a third of the work.

    Raises:
        ValueError: the body has no points. UnsupportedGeometry: they are no finite numbers.
    """
    if vertebra.points is None:
        raise ValueError(f"{vertebra.level} has no points to cut it out by")
    if not np.isfinite(vertebra.points.array()).all():
        raise UnsupportedGeometry(
            "its points are no finite numbers", str(vertebra.level), "place the points of this vertebra again"
        )
    axes = axes_of(vertebra.points)
    sets = [vertebra.points, above.points if above else None, below.points if below else None]
    return Crop(
        as_hounsfield(sample_grid(volume, *_frame(axes, shape), shape, STEPS_MM)),
        in_axes(axes, sets),
        (vertebra.level, above.level if above else None, below.level if below else None),
        step_along_mm(volume, axes.superior),
    )


def losses_of(points_mm: NDArray[np.float32], levels: Levels) -> Float:
    """Measures a body against expectation, given its neighbours.

    Shapes: points (3, 6, 3), or (3, 6, 2) in the sagittal plane, as in `Crop`; returns (3,): anterior, middle,
    posterior. Units: percent of the expected height.
    Raises:
        ValueError: the body itself has no points.
    """
    lengths = np.linalg.norm(points_mm[:, :3].astype(float) - points_mm[:, 3:], axis=2)  # (3, 3)
    own, *others = [Heights(*row) if np.isfinite(row).all() else None for row in lengths.tolist()]
    if own is None:
        raise ValueError(f"{levels[0]} has no points")
    known = {
        level: heights
        for level, heights in zip(levels[1:], others, strict=True)
        if level is not None and heights is not None
    }
    return losses(levels[0], own, Reference.EXPECTED_BY_LEVEL, known)


def as_hounsfield(values: NDArray[np.floating]) -> NDArray[np.int16]:
    """Rounds to int16, clipped to what CT stores."""
    whole: NDArray[np.int16] = np.clip(np.rint(values), -1024, 3071).astype(np.int16)
    return whole

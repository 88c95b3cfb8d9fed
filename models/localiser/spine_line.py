"""From the tube to a line: the largest piece and what continues it straight, slice by slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.localiser.curve import Curve, curve_through
from vfscreen.volume import Volume

Float = NDArray[np.float64]

THRESHOLD = 0.35
SMALLEST_MM3 = 6000.0
"""What is smaller is no spine: the core of one lumbar body alone has about 8000."""
CONTINUES_MM = 90.0
NEAR_MM = 14.0
ASIDE_SHARE = 0.35
EXTEND_MM = 24.0
SMOOTH_MM = 7.0


def spine_line(probability: NDArray[np.float32], grid: Volume, step_mm: float) -> Curve | None:
    """Finds the line of the spine on the tube's grid, from the head down; None if there is no spine in view.

    Shapes: probability of the grid's shape, array axes left, posterior, superior.
    """
    pieces, count = ndimage.label(probability > THRESHOLD)
    if count == 0:
        return None
    voxel_mm3 = float(np.prod(grid.spacing_mm))
    volumes_mm3 = ndimage.sum_labels(probability, pieces, np.arange(1, count + 1)) * voxel_mm3
    order = np.argsort(volumes_mm3)[::-1]
    if volumes_mm3[order[0]] < SMALLEST_MM3:
        return None
    points = _slice_centres(probability, pieces == order[0] + 1, grid)
    for piece in order[1:]:
        if volumes_mm3[piece] > 0.1 * SMALLEST_MM3:
            points = _joined(points, _slice_centres(probability, pieces == piece + 1, grid))
    if len(points) < 3:
        return None
    return curve_through(points, step_mm, (EXTEND_MM, EXTEND_MM), SMOOTH_MM)


def _slice_centres(probability: NDArray[np.float32], piece: NDArray[np.bool_], grid: Volume) -> Float:
    """Centres of the piece in every axial slice it reaches, from the head down; (n, 3) LPS mm."""
    mass = np.where(piece, probability.astype(float) ** 2, 0.0)
    per_slice = mass.sum((0, 1))
    slices = np.flatnonzero(per_slice > 0)[::-1]
    left = (mass.sum(1) * np.arange(mass.shape[0])[:, None]).sum(0)[slices] / per_slice[slices]
    posterior = (mass.sum(0) * np.arange(mass.shape[1])[:, None]).sum(0)[slices] / per_slice[slices]
    return grid.lps_of(np.stack([left, posterior, slices.astype(float)], 1))


def _joined(line: Float, piece: Float) -> Float:
    """Adds a piece above or below if the straight continuation of the line runs into it."""
    if piece[-1, 2] > line[0, 2]:
        return np.concatenate([piece, line]) if _runs_into(line[::-1], piece[-1]) else line
    if piece[0, 2] < line[-1, 2]:
        return np.concatenate([line, piece]) if _runs_into(line, piece[0]) else line
    return line


def _runs_into(line: Float, point: Float) -> bool:
    """Says whether the line, continued straight beyond its last point, comes near the point."""
    back = line[-min(8, len(line))]
    gap = abs(float(point[2] - line[-1, 2]))
    rise = abs(float(line[-1, 2] - back[2]))
    if gap > CONTINUES_MM or rise == 0:
        return False
    foreseen = line[-1] + (line[-1] - back) * gap / rise
    return float(np.linalg.norm((foreseen - point)[:2])) < NEAR_MM + ASIDE_SHARE * gap

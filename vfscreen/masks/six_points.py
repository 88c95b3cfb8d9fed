"""Six points from a mask of whole vertebrae: in the mid-sagittal plane the canal parts the body from its arch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vfscreen.genant import SixPoints
from vfscreen.volume import Volume, plane_points, sample

Float = NDArray[np.float64]

STEP_MM = 0.5
HALF_MM = 40.0
REACH_MM = 62.0
"""The corners of a plane that is 80 mm wide lie this far from its middle, with room for the centre to move."""
PATIENT_LEFT, BACKWARD = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
PARAMEDIAN_MM = (-3.0, 0.0, 3.0)
CORNER_SHARE = 0.06
"""Corners are read this share of the depth inside the walls, where rims are round and lips begin."""


def points_of_mask(
    labels: Volume, label: int, centre_lps_mm: Float, left: Float = PATIENT_LEFT
) -> SixPoints | None:
    """Reads a body's six points off its mask, in the plane through its centre across `left`; None where that fails.

    `left` is a unit vector, the patient's unless the spine leans there. The frame starts upright in that plane and is
    turned to the body's endplates until it stays.
    """
    centre = np.asarray(centre_lps_mm, float)
    inside = _one_label(labels, label, centre)
    posterior = _unit(BACKWARD - left * left[1])
    superior = np.cross(left, posterior)
    points: Float | None = None
    for _ in range(4):
        profile = _endplates(inside, centre, posterior, superior)
        if profile is None:
            return None
        points = profile
        mean = _unit(points[2] - points[0]) + _unit(points[5] - points[3])
        posterior = _unit(mean - left * (mean @ left))
        superior = np.cross(left, posterior)
        centre = points[[0, 2, 3, 5]].mean(0)
    return None if points is None else SixPoints.from_array(points)


def _one_label(labels: Volume, label: int, centre: Float) -> Volume:
    """Cuts out what a plane through the centre may touch, with nothing but this label in it."""
    reach = np.ceil(REACH_MM / labels.spacing_mm).astype(int)
    middle = np.rint(labels.indices_of(centre)).astype(int)
    low = np.clip(middle - reach, 0, np.array(labels.shape) - 1)
    high = np.clip(middle + reach + 1, 1, labels.shape)
    affine = labels.affine.copy()
    affine[:3, 3] = labels.lps_of(low.astype(float))
    near = labels.voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    return Volume(np.ascontiguousarray(near == label, np.int16), affine)


def _endplates(inside: Volume, centre: Float, posterior: Float, superior: Float) -> Float | None:
    """Returns (6, 3) LPS mm in the order of `POINT_NAMES`, read in the frame that is given."""
    left = np.cross(posterior, superior)
    count = int(2 * HALF_MM / STEP_MM) + 1
    planes = []
    for side in PARAMEDIAN_MM:
        first = centre + side * left - HALF_MM * posterior - HALF_MM * superior
        places = plane_points(first, np.stack([superior, posterior]), (count, count), (STEP_MM, STEP_MM))
        planes.append(sample(inside, places, outside_hu=0.0))
    body = _foremost_piece(np.median(planes, axis=0) > 0.5)
    if body is None:
        return None
    heights = body.sum(0) * STEP_MM
    columns = np.flatnonzero(heights > 0.6 * np.percentile(heights[heights > 0], 75))
    inset = CORNER_SHARE * (columns[-1] - columns[0])
    found = []
    for rows, outward in ((_tops(body), 1.0), (_bottoms(body), -1.0)):
        edge = outward * rows[columns]  # corners lie furthest along the diagonals: a wedge's walls may slant
        front = columns[(edge - columns).argmax()] + inset
        back = columns[(edge + columns).argmax()] - inset
        for column in (front, (front + back) / 2, back):
            window = range(max(columns[0], round(column) - 2), min(columns[-1], round(column) + 2) + 1)
            row = float(np.median(rows[window]))
            found.append(
                centre + (column * STEP_MM - HALF_MM) * posterior + (row * STEP_MM - HALF_MM) * superior
            )
    return np.stack(found)


def _foremost_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Returns the largest piece in front: rows run up, columns run back."""
    opened = ndimage.binary_opening(mask, np.ones((7, 7)))
    pieces, count = ndimage.label(opened)
    if count == 0:
        return None
    sizes = ndimage.sum_labels(opened, pieces, range(1, count + 1))
    middles = [columns.mean() for columns in (np.nonzero(pieces == one)[1] for one in range(1, count + 1))]
    large = [i for i in range(count) if sizes[i] > 0.3 * max(sizes)]
    piece: NDArray[np.bool_] = pieces == 1 + min(large, key=lambda i: middles[i])
    return piece


def _tops(body: NDArray[np.bool_]) -> Float:
    """Upper edge of the highest voxel of each column."""
    return np.asarray(body.shape[0] - 0.5 - body[::-1].argmax(0), float)


def _bottoms(body: NDArray[np.bool_]) -> Float:
    """Lower edge of the lowest voxel of each column."""
    return np.asarray(body.argmax(0) - 0.5, float)


def _unit(vector: Float) -> Float:
    return np.asarray(vector / np.linalg.norm(vector))

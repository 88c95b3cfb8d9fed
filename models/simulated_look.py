"""How a simulated vertebra looks: density after compression, and the confounders that are no fracture.

Every function takes planes of a crop (planes, rows, columns) in Hounsfield units and gives new ones. Which of them
are used never depends on the grade, so that none of them can give the grade away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.grader.crop import COLUMNS, FRONT_MM, MARGIN, PLANE_STEP_MM, PLANES, ROWS

Hounsfield = NDArray[np.float32]
Points = NDArray[np.float32]

DENSEST_HU = 1600.0
DISC_HU = 70.0


def places_mm() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Returns left, posterior and superior of a crop's voxels, each broadcastable to (PLANES, ROWS, COLUMNS)."""
    x = (np.arange(PLANES, dtype=np.float32) - (PLANES - 1) / 2)[:, None, None] * np.float32(PLANE_STEP_MM)
    z = ((ROWS - 1) / 2 - np.arange(ROWS, dtype=np.float32))[None, :, None]
    y = (np.arange(COLUMNS, dtype=np.float32) - np.float32(FRONT_MM + MARGIN))[None, None, :]
    return x, y, z


def within_body(points_mm: Points, softness_mm: float = 1.5) -> NDArray[np.float32]:
    """Returns how far each voxel of the mid-sagittal plane lies inside six points, 0 to 1; (1, ROWS, COLUMNS)."""
    _, y, z = places_mm()
    upper = np.interp(y, points_mm[:3, 1], points_mm[:3, 2])
    lower = np.interp(y, points_mm[3:, 1], points_mm[3:, 2])
    front, back = points_mm[[0, 3], 1].mean(), points_mm[[2, 5], 1].mean()
    depth = np.minimum(np.minimum(upper - z, z - lower), np.minimum(y - front, back - y))
    inside: NDArray[np.float32] = np.clip(depth / softness_mm + 0.5, 0.0, 1.0).astype(np.float32)
    return inside


def densify(planes: Hounsfield, compression: NDArray[np.float32], share: float) -> Hounsfield:
    """Conserves mineral: what is above water is multiplied by how much the space was compressed, as far as `share`.

    `compression` is healthy volume per broken volume (over 1 where bone was pressed together). Marrow is not scaled
    as a mixture with air would be: water stays water.
    """
    factor = 1 + share * (np.clip(compression, 0.5, 3.0) - 1)
    return np.where(planes > 0, np.minimum(planes * factor, np.maximum(planes, DENSEST_HU)), planes)


def with_dense_band(
    planes: Hounsfield, points_mm: Points, upper: bool, added_hu: float, width_mm: float
) -> Hounsfield:
    """Adds a sclerotic band inside an endplate."""
    _, y, z = places_mm()
    plate = points_mm[:3] if upper else points_mm[3:]
    depth = (np.interp(y, plate[:, 1], plate[:, 2]) - z) * (1 if upper else -1)
    band = np.exp(-0.5 * ((depth - width_mm) / (0.6 * width_mm)) ** 2)
    return (planes + added_hu * band * within_body(points_mm)).astype(np.float32)


def with_lip(
    planes: Hounsfield, corner_mm: Points, length_mm: float, rise_mm: float, peak_hu: float, side_mm: float
) -> Hounsfield:
    """Paints an osteophyte that starts at a front corner, runs forward and bends up (rise > 0) or down."""
    x, y, z = places_mm()
    along = np.clip((corner_mm[1] - y) / length_mm, 0.0, 1.0)
    centre = corner_mm[2] + rise_mm * along**2
    radius = 2.8 - 1.2 * along
    sideways = np.exp(-0.5 * ((x - side_mm) / 9.0) ** 2)
    beyond = np.maximum(np.maximum(corner_mm[1] - length_mm - y, y - corner_mm[1]), 0.0)
    coat = np.clip(radius - np.hypot(z - centre, beyond) + 0.5, 0.0, 1.0) * sideways
    return np.maximum(planes, planes + coat * (peak_hu - planes)).astype(np.float32)


def with_bridge(
    planes: Hounsfield, from_mm: Points, to_mm: Points, bulge_mm: float, thickness_mm: float, peak_hu: float
) -> Hounsfield:
    """Paints flowing bone in front of a disc, from one body's front corner to the next one's."""
    x, y, z = places_mm()
    along = np.clip((z - from_mm[2]) / (to_mm[2] - from_mm[2]), -0.4, 1.4)
    wall = from_mm[1] + along * (to_mm[1] - from_mm[1])
    middle = wall - thickness_mm / 2 - bulge_mm * np.sin(np.pi * np.clip((along + 0.4) / 1.8, 0.0, 1.0))
    ends = np.clip((0.9 - np.abs(along - 0.5)) * 6, 0.0, 1.0)
    coat = (
        np.clip(thickness_mm / 2 - np.abs(y - middle) + 0.5, 0.0, 1.0) * ends * np.exp(-0.5 * (x / 12.0) ** 2)
    )
    return np.maximum(planes, planes + coat * (peak_hu - planes)).astype(np.float32)


def with_node(
    planes: Hounsfield,
    points_mm: Points,
    upper: bool,
    place: float,
    depth_mm: float,
    radius_mm: float,
    side_mm: float,
) -> Hounsfield:
    """Paints a Schmorl node: disc sunk through an endplate, with a thin dense rim; `place` 0 is front, 1 is back."""
    x, y, z = places_mm()
    plate = points_mm[:3] if upper else points_mm[3:]
    centre_y = plate[0, 1] + place * (plate[2, 1] - plate[0, 1])
    plate_z = float(np.interp(centre_y, plate[:, 1], plate[:, 2]))
    into = (plate_z - z) * (1 if upper else -1)
    size = np.sqrt(
        ((x - side_mm) / radius_mm) ** 2
        + ((y - centre_y) / radius_mm) ** 2
        + (into / depth_mm) ** 2 * (into > -1.5) * 1.0
        + (into <= -1.5) * 9.0
    )
    hole = np.clip((1.0 - size) * radius_mm + 0.5, 0.0, 1.0)
    rim = np.exp(-0.5 * ((size - 1.25) * radius_mm / 1.0) ** 2) * (into > 0)
    return (planes + hole * (DISC_HU - planes) + rim * (1 - hole) * 180.0).astype(np.float32)


def thick_slices(planes: Hounsfield, thickness_mm: float, phase: float) -> Hounsfield:
    """Makes the crop look as if scanned in slices of this thickness: averaged, read once a slice, joined linearly."""
    averaged = ndimage.uniform_filter1d(planes, max(1, round(thickness_mm)), axis=1, mode="nearest")
    rows = np.arange(ROWS)
    seen = np.arange(phase * thickness_mm, ROWS - 1, thickness_mm)
    place = np.clip(np.searchsorted(seen, rows) - 1, 0, len(seen) - 2)
    share = np.clip((rows - seen[place]) / thickness_mm, 0.0, 1.0)[None, :, None]
    values = ndimage.map_coordinates(
        averaged,
        np.stack(np.meshgrid(np.arange(PLANES), seen, np.arange(COLUMNS), indexing="ij")),
        order=1,
        mode="nearest",
    )
    return ((1 - share) * values[:, place] + share * values[:, place + 1]).astype(np.float32)

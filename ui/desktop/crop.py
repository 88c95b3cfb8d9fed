"""A body cut out in its own axes, as the panel of this vertebra shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfscreen.findings import Vertebra
from vfscreen.volume import Volume, plane_points, sample

Float = NDArray[np.float64]
WIDTH_MM, HEIGHT_MM = 66.0, 60.0
STEP_MM = 0.3


@dataclass(frozen=True, slots=True)
class BodyCrop:
    """The mid-sagittal plane of a body: head up, anterior left.

    Shapes: hounsfield (rows, columns) float32; points (6, 2): row, column of the six points, (0, 2) without points.
    """

    hounsfield: NDArray[np.float32]
    points: Float


def crop_of(volume: Volume, vertebra: Vertebra) -> BodyCrop:
    """Cuts the plane through a body's own mid-line, `WIDTH_MM` by `HEIGHT_MM`, centred on the body.

    A body without axes is cut along the patient's own.
    """
    posterior, superior, origin = _frame(vertebra)
    corner = origin - posterior * (WIDTH_MM / 2) + superior * (HEIGHT_MM / 2)
    shape = (round(HEIGHT_MM / STEP_MM), round(WIDTH_MM / STEP_MM))
    grid = plane_points(corner, np.stack([-superior, posterior]), shape, (STEP_MM, STEP_MM))
    points = np.zeros((0, 2))
    if vertebra.points is not None:
        offsets = vertebra.points.array() - corner
        points = np.stack([offsets @ -superior, offsets @ posterior], axis=1) / STEP_MM
    return BodyCrop(sample(volume, grid), points)


def _frame(vertebra: Vertebra) -> tuple[Float, Float, Float]:
    if vertebra.axes is None:
        return np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]), np.asarray(vertebra.centre_lps_mm)
    return vertebra.axes.posterior, vertebra.axes.superior, vertebra.axes.origin


def windowed(hounsfield: NDArray[np.float32], width: float, level: float) -> NDArray[np.uint8]:
    """Turns Hounsfield units into 8-bit grey through a window. Source: DICOM PS3.3, C.11.2.1.3 (linear exact)."""
    share = (hounsfield - (level - width / 2)) / max(width, 1.0)
    return np.asarray(np.clip(share, 0.0, 1.0) * 255.0, np.uint8)

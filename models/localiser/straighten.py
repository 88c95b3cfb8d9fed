"""Pictures of the spine pulled straight: a sagittal stack for the bodies, a coronal strip for the names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.localiser.curve import Curve
from vfscreen.volume import AIR_HU, Volume, sample

Float = NDArray[np.float64]
Picture = NDArray[np.float32]

STACK_MM = 1.25
STACK_COLUMNS = 80
STACK_FRONT_MM = 42.0
STACK_LEFT_MM = (-24.0, -12.0, -5.0, 0.0, 5.0, 12.0, 24.0)

STRIP_MM = 2.5
STRIP_COLUMNS = 64
STRIP_DEPTHS_MM = (-12.0, 0.0, 8.0, 16.0, 24.0, 32.0, 40.0)


@dataclass(frozen=True, slots=True)
class Stack:
    """Sagittal pictures along a curve.

    Shapes: hu (7, rows, 80) float32, one picture per offset to the left, anterior on the left; inside (rows, 80) says
    where the middle picture lies in the scan. Row r is the curve's point r; `step_mm` is the pixel's side.
    """

    curve: Curve
    hu: Picture
    inside: NDArray[np.bool_]
    step_mm: float

    def posterior_of(self, column: float) -> float:
        """How far behind the line a (fractional) column lies, mm."""
        return (column - STACK_FRONT_MM / STACK_MM) * self.step_mm

    def column_of(self, posterior_mm: float) -> float:
        """The fractional column of an offset behind the line."""
        return posterior_mm / self.step_mm + STACK_FRONT_MM / STACK_MM


def sagittal_stack(volume: Volume, curve: Curve, scale: float = 1.0) -> Stack:
    """Reads the seven sagittal pictures along a curve whose step is STACK_MM * scale."""
    step_mm = STACK_MM * scale
    behind = (np.arange(STACK_COLUMNS) - STACK_FRONT_MM / STACK_MM) * step_mm
    middle = curve.points[:, None] + behind[None, :, None] * curve.posterior[:, None]  # rows, columns, 3
    sideways = np.array(STACK_LEFT_MM)[:, None, None, None] * scale * curve.left[None, :, None]
    hu = sample(volume, middle[None] + sideways)
    return Stack(curve, hu, volume.contains(middle), step_mm)


def coronal_strip(volume: Volume, curve: Curve, scale: float = 1.0) -> Picture:
    """Reads coronal pictures along a curve (step STRIP_MM * scale) at seven depths; (7, rows, 64), left is left."""
    step_mm = STRIP_MM * scale
    left = (np.arange(STRIP_COLUMNS) - (STRIP_COLUMNS - 1) / 2) * step_mm
    plane = curve.points[:, None] + left[None, :, None] * curve.left[:, None]
    depths = np.array(STRIP_DEPTHS_MM)[:, None, None, None] * scale * curve.posterior[None, :, None]
    return sample(volume, plane[None] + depths, outside_hu=AIR_HU)

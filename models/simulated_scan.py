"""What a scanner does to a simulated vertebra: thick slices, and streaks from metal.

Planes are those of a crop, (PLANES, ROWS, COLUMNS) float32 in Hounsfield units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.grader.crop import COLUMNS, PLANES, ROWS, places_mm

Planes = NDArray[np.float32]

METAL_HU = 3000.0
SLICE_MM = 2.5
"""Half of the height (SD) over which one piece of metal throws streaks: they lie in its axial slices."""

FADE_MM = 28.0


@dataclass(frozen=True, slots=True)
class Streaks:
    """Metal behind the body, as a screw's head in the arch, and the bright and dark bands it throws forward.

    Units: mm from the body's centre, posterior and superior; `peak_hu` next to the metal; `wave_mm` from one bright
    band to the next; `phase` (0 to 1) shifts the bands, `turn` shifts them from plane to plane.
    """

    posterior_mm: float
    superior_mm: float
    peak_hu: float
    wave_mm: float
    phase: float
    turn: float

    def paint(self, planes: Planes) -> Planes:
        """Paints it on the planes of a crop."""
        x, y, z = places_mm()
        away = np.abs(y - self.posterior_mm)
        in_slice = np.exp(-0.5 * ((z - self.superior_mm) / SLICE_MM) ** 2)
        wave = np.cos(2 * np.pi * (y / self.wave_mm + self.phase + self.turn * x / 9.0))
        streaked = planes + self.peak_hu * wave * in_slice * np.exp(-away / FADE_MM)
        metal = np.clip(3.0 - np.hypot(y - self.posterior_mm, z - self.superior_mm) + 0.5, 0, 1)
        metal = metal * np.exp(-0.5 * (x / 6.0) ** 2)
        painted: Planes = (streaked + metal * (METAL_HU - streaked)).astype(np.float32)
        return painted


def thick_slices(planes: Planes, thickness_mm: float, phase: float) -> Planes:
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
    joined: Planes = ((1 - share) * values[:, place] + share * values[:, place + 1]).astype(np.float32)
    return joined

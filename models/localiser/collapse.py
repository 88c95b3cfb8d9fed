"""Presses bodies of a straightened stack together, as collapse does, and lets the rest of the spine follow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float = NDArray[np.float64]
Picture = NDArray[np.float32]

INNER_SHARE = 0.38
"""Half a body's own height as a share of the distance between bodies."""
DEPTH_COLUMNS = 26.0


@dataclass(frozen=True, slots=True)
class Spot:
    """A body on a stack: place (row, column), how far to the left of the line, its height in rows, what it is."""

    row: float
    column: float
    left_mm: float
    height: float
    whole: bool
    sacral: bool = False


def collapsed(
    hu: Picture, spots: list[Spot], most_bodies: int, lowest_kept: float, rng: np.random.Generator
) -> tuple[Picture, list[Spot]]:
    """Presses neighbouring whole bodies together, in front, in the middle, behind or everywhere.

    One body mostly, `most_bodies` at most; each place keeps at least the share `lowest_kept` of its height.
    """
    whole = [k for k, spot in enumerate(spots) if spot.whole and not spot.sacral]
    if not whole:
        return hu, spots
    first = int(rng.integers(len(whole)))
    count = int(rng.integers(1, most_bodies + 1)) if rng.random() < 0.5 else 1
    for k in whole[first : first + count]:
        hu, spots = _pressed(hu, spots, k, rng.uniform(lowest_kept, 1.0, 3))
    return hu, spots


def _pressed(hu: Picture, spots: list[Spot], body: int, kept_shares: Float) -> tuple[Picture, list[Spot]]:
    """Presses one body; `kept_shares` in front, in the middle and behind."""
    spot = spots[body]
    half = INNER_SHARE * spot.height
    share = np.clip((np.arange(hu.shape[2]) - spot.column) / DEPTH_COLUMNS + 0.5, 0, 1)
    kept = np.interp(share, (0.0, 0.5, 1.0), kept_shares)  # per column
    rows = np.arange(hu.shape[1])[:, None] - spot.row
    inner = np.abs(rows) <= half * kept
    source = np.where(inner, rows / kept, rows + np.sign(rows) * half * (1 - kept)) + spot.row
    columns = np.broadcast_to(np.arange(hu.shape[2]), source.shape)
    pressed = np.stack(
        [ndimage.map_coordinates(part, [source, columns], order=1, mode="nearest") for part in hu]
    )
    moved = []
    for other in spots:
        at = kept[int(np.clip(round(other.column), 0, hu.shape[2] - 1))]
        moved.append(replace(other, row=other.row - np.sign(other.row - spot.row) * half * (1 - at)))
    return pressed.astype(np.float32), moved

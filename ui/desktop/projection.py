"""How array indices of the sagittal picture land on the screen, and what follows from that: letters and scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Point = tuple[float, float]
_LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))
_ROUND_MM = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


@dataclass(frozen=True, slots=True)
class Projection:
    """The linear map from (row, column) of a slice to the widget.

    Shapes: matrix (2, 3): columns are what one row adds, what one column adds, and where index (0, 0) lies.
    Units: widget pixels; x to the right, y down.
    """

    matrix: Float

    def point(self, row: float, column: float) -> Point:
        """Takes an index, which may be fractional (voxel centres are whole), to widget pixels (x, y)."""
        x, y = self.matrix @ (row, column, 1.0)
        return float(x), float(y)

    def index(self, x: float, y: float) -> Point:
        """Takes widget pixels back to (row, column)."""
        row, column = np.linalg.solve(self.matrix[:, :2], np.array([x, y]) - self.matrix[:, 2])
        return float(row), float(column)


def edge_letters(affine: Float, projection: Projection) -> tuple[str, str, str, str]:
    """Names the sides of the patient at the left, top, right and bottom edge of the screen.

    Frame: `affine` (4, 4) takes indices (slice, row, column) to LPS mm. The letters come from it and from the very
    matrix that draws, so a picture that was turned or mirrored would say so.
    """
    right = affine[:3, 1:3] @ np.linalg.solve(projection.matrix[:, :2], np.array([1.0, 0.0]))
    down = affine[:3, 1:3] @ np.linalg.solve(projection.matrix[:, :2], np.array([0.0, 1.0]))
    return _letter(-right), _letter(-down), _letter(right), _letter(down)


def _letter(direction_lps: Float) -> str:
    axis = int(np.argmax(np.abs(direction_lps)))
    return _LETTERS[axis][int(direction_lps[axis] > 0)]


def scale_bar(affine: Float, projection: Projection, longest_px: float = 120.0) -> tuple[float, float]:
    """Returns a round length in mm and its width in pixels, at most `longest_px`, measured along the columns."""
    px_per_mm = float(np.linalg.norm(projection.matrix[:, 1]) / np.linalg.norm(affine[:3, 2]))
    fitting = [length for length in _ROUND_MM if length * px_per_mm <= longest_px]
    length_mm = fitting[-1] if fitting else _ROUND_MM[0]
    return length_mm, length_mm * px_per_mm


def place_of(affine: Float, slice_index: int) -> str:
    """Says how far a slice lies to the left or right of the patient's origin, as "L 3.2 mm"."""
    x = float(affine[0, 3] + affine[0, 0] * slice_index)
    return f"{'L' if x >= 0 else 'R'} {abs(x):.1f} mm"

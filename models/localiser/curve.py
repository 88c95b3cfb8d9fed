"""The line of the spine, with a frame at every point of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Points at even steps along the spine from the head down, with a frame at each.

    Shapes: (n, 3) each; frame: LPS mm. `down` is the unit tangent (towards the feet), `posterior` the patient's y made
    orthogonal to it, `left` their cross product: left x posterior = up.
    """

    points: Float
    left: Float
    posterior: Float
    down: Float
    step_mm: float

    def __len__(self) -> int:
        return len(self.points)

    @property
    def length_mm(self) -> float:
        """Arc length from the first to the last point."""
        return (len(self) - 1) * self.step_mm

    def place(self, row: float, left_mm: float, posterior_mm: float) -> Float:
        """Returns the LPS point at a fractional row, moved sideways and backwards in the frame there."""
        at = float(np.clip(row, 0, len(self) - 1))
        low = min(int(at), len(self) - 2)
        share = at - low
        origin, left, posterior = (
            (1 - share) * field[low] + share * field[low + 1]
            for field in (self.points, self.left, self.posterior)
        )
        return np.asarray(origin + left_mm * left + posterior_mm * posterior)

    def coordinates(self, point_lps_mm: Float) -> tuple[float, float, float]:
        """Returns (fractional row, left mm, posterior mm): a point's foot on the line and its offset there."""
        away = point_lps_mm - self.points
        along = np.einsum("ij,ij->i", away, self.down)
        nearest = int(np.argmin(np.einsum("ij,ij->i", away, away)))
        row = nearest + float(np.clip(along[nearest] / self.step_mm, -4, 4))
        low = int(np.clip(round(row), 0, len(self) - 1))
        rest = point_lps_mm - self.place(row, 0.0, 0.0)
        return row, float(rest @ self.left[low]), float(rest @ self.posterior[low])


def curve_through(
    points_lps_mm: Float, step_mm: float, extend_mm: tuple[float, float] = (0.0, 0.0), smooth_mm: float = 0.0
) -> Curve:
    """Draws a smooth line through points from the head down and continues it straight at both ends.

    Shapes: points (n, 3), n >= 2, LPS mm.
    Raises:
        ValueError: fewer than two different points.
    """
    points = np.asarray(points_lps_mm, float)
    gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    points = points[np.concatenate([[True], gaps > 1e-6])]
    if len(points) < 2:
        raise ValueError("a line needs two points")
    for _ in range(2):  # arc length of the chords, then of the curve itself
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        fine = PchipInterpolator(length, points)(np.arange(0.0, length[-1], 0.5 * step_mm))
        points = fine if len(fine) > 1 else points
    if smooth_mm > 0:
        points = gaussian_filter1d(points, smooth_mm / (0.5 * step_mm), axis=0, mode="nearest")
    points = _extended(points, step_mm, extend_mm)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    rows = np.arange(0.0, length[-1] + 1e-9, step_mm)
    points = np.stack([np.interp(rows, length, points[:, k]) for k in range(3)], 1)
    return framed(points, step_mm)


def _extended(points: Float, step_mm: float, extend_mm: tuple[float, float]) -> Float:
    reach = max(2, round(12.0 / (0.5 * step_mm)))
    parts = [points]
    if extend_mm[0] > 0:
        direction = _unit(points[0] - points[min(reach, len(points) - 1)])
        steps = np.arange(extend_mm[0], 0, -step_mm)
        parts.insert(0, points[0] + steps[:, None] * direction)
    if extend_mm[1] > 0:
        direction = _unit(points[-1] - points[max(-reach - 1, -len(points))])
        steps = np.arange(step_mm, extend_mm[1] + 1e-9, step_mm)
        parts.append(points[-1] + steps[:, None] * direction)
    return np.concatenate(parts)


def framed(points: Float, step_mm: float) -> Curve:
    """Gives evenly spaced points (n, 3) their frames; the tangent is taken over about 15 mm."""
    sigma = 7.0 / step_mm
    tangent = np.gradient(
        gaussian_filter1d(points, min(sigma, len(points) / 4), axis=0, mode="nearest"), axis=0
    )
    down = tangent / np.linalg.norm(tangent, axis=1, keepdims=True)
    backward = np.array([0.0, 1.0, 0.0]) - down * down[:, 1:2]
    posterior = backward / np.linalg.norm(backward, axis=1, keepdims=True)
    left = np.cross(posterior, -down)
    return Curve(points, left, posterior, down, step_mm)


def _unit(vector: Float) -> Float:
    return np.asarray(vector / np.linalg.norm(vector))

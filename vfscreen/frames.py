"""Frames of the bodies: where each is looked for, and how that turns to the points found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

ALONE_SPACING_MM = 33.0
FURTHEST_TURN_DEG = 20.0


@dataclass(frozen=True, slots=True)
class Frames:
    """Where each body is looked for.

    Shapes: origins (n, 3) LPS mm; left, posterior, superior (n, 3) unit vectors; spacing_mm (n,), the distance of
    neighbouring bodies there.
    """

    origins: Float
    left: Float
    posterior: Float
    superior: Float
    spacing_mm: Float

    def __len__(self) -> int:
        return len(self.origins)

    def only(self, k: int) -> Frames:
        """The frame of body k alone."""
        one = slice(k, k + 1)
        return Frames(
            self.origins[one], self.left[one], self.posterior[one], self.superior[one], self.spacing_mm[one]
        )


def frames_of(centres: Float) -> Frames:
    """Lays a frame through each centre: up along its neighbours, the patient's y made orthogonal to that.

    A body alone stands along the patient's z and is taken for a lumbar one.
    Shapes: centres (n, 3) from the head down.
    """
    count = len(centres)
    backward = np.tile([0.0, 1.0, 0.0], (count, 1))
    if count == 1:
        return upright(centres, np.array([[0.0, 0.0, 1.0]]), backward, np.array([ALONE_SPACING_MM]))
    gaps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    superior = _unit(
        np.concatenate([centres[:1], centres[:-1]]) - np.concatenate([centres[1:], centres[-1:]])
    )
    if count > 2:  # an end has one neighbour: the bend of the spine is continued
        superior[0] = 1.5 * superior[0] - 0.5 * superior[1]
        superior[-1] = 1.5 * superior[-1] - 0.5 * superior[-2]
    spacing = (np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]])) / 2
    return upright(centres, _unit(superior), backward, spacing)


def upright(origins: Float, superior: Float, backward: Float, spacing_mm: Float) -> Frames:
    """Makes frames from origins, unit axes upwards and rough directions backwards; (n, 3) each."""
    posterior = _unit(backward - superior * np.einsum("ij,ij->i", backward, superior)[:, None])
    return Frames(origins, np.cross(posterior, superior), posterior, superior, spacing_mm)


def realigned(frames: Frames, points: Float) -> Frames:
    """Centres each frame on its body's points (n, 6, 3) and turns it upright in their plane, by at most 20 degrees."""
    upper, lower = points[:, 2] - points[:, 0], points[:, 5] - points[:, 3]
    backward = _unit(_unit(upper) + _unit(lower))
    superior = _unit(np.cross(frames.left, backward))
    near = np.einsum("ij,ij->i", superior, frames.superior) > np.cos(np.deg2rad(FURTHEST_TURN_DEG))
    superior = np.where(near[:, None], superior, frames.superior)
    return upright(points.mean(1), superior, frames.posterior, frames.spacing_mm)


def _unit(vectors: Float) -> Float:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

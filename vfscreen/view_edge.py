"""Which measured bodies the edge of the view cuts, and what neighbours and edges make doubtful about the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vfscreen.genant import three_heights

Float = NDArray[np.float64]

UNLIKE_NEIGHBOURS = "heights differ from neighbours"
CORNER_AT_EDGE = "corner at the edge of the view"

DISC_MM, CORNER_MM, NEAR_EDGE_MM = 2.5, 1.0, 8.0
CUT_SHARE = 0.7
NEIGHBOUR_SHARE = 0.22


def cut_by_view(
    points: Float, margin_mm: Float, slice_mm: float, lost: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Says of each body whether the edge of the view cuts it, or comes too near to measure it.

    Beyond the middle of an endplate the disc must be seen, and at least one slice of it; one corner may lie at the
    edge, two of an endplate may not. Near the edge a body is cut that is much lower than its neighbour, or `lost`:
    whoever placed its points is not sure of them.

    Shapes: points (n, 6, 3) LPS mm in the order of `POINT_NAMES`; margin_mm (n, 6), how far the scan goes on beyond
    each; lost (n,); the result (n,).
    """
    margin = margin_mm.reshape(-1, 2, 3)
    cut = (margin[..., 1] < max(DISC_MM, slice_mm)) | (margin[..., ::2] < CORNER_MM).all(-1)
    heights = three_heights(points).mean(1)
    nearest = np.concatenate([heights[1:2], np.maximum(heights[:-2], heights[2:]), heights[-2:-1]])
    doubtful = heights < CUT_SHARE * nearest if len(heights) > 2 else np.zeros(len(heights), bool)
    if lost is not None:
        doubtful = doubtful | lost
    at_edge = (margin < NEAR_EDGE_MM).any((1, 2))
    return np.asarray(cut.any(1) | (at_edge & doubtful))


def beyond_the_edge(cut: NDArray[np.bool_], margin_mm: Float) -> NDArray[np.bool_]:
    """Says which bodies lie further out than one that the upper or the lower edge cuts, and so are none: of a vertebra
    whose body is out of view a spinous process may hang into it.

    Shapes: bodies from the head down; cut (n,), the result of `cut_by_view`; margin_mm (n, 6); the result (n,).
    """
    beyond = np.zeros(len(cut), bool)
    for k in np.flatnonzero(cut):
        if margin_mm[k, :3].min() < margin_mm[k, 3:].min():
            beyond[:k] = True
        else:
            beyond[k + 1 :] = True
    return beyond


def flags_of_shape(points: Float, margin_mm: Float, cut: NDArray[np.bool_]) -> list[tuple[str, ...]]:
    """Flags bodies that are unlike their neighbours or touch the edge; those that are cut are no neighbours.

    Shapes: as for `cut_by_view`, whose result `cut` is; one tuple a body.
    """
    mean = three_heights(points).mean(1)
    flags = []
    for k in range(len(mean)):
        own = []
        near = [mean[j] for j in (k - 1, k + 1) if 0 <= j < len(mean) and not cut[j]]
        if near and abs(mean[k] / np.mean(near) - 1.0) > NEIGHBOUR_SHARE:
            own.append(UNLIKE_NEIGHBOURS)
        if (margin_mm[k] < CORNER_MM).any():
            own.append(CORNER_AT_EDGE)
        flags.append(tuple(own))
    return flags

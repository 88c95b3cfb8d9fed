"""Where an answer hangs: the answer again and again, each time with another place of the CT blotted out.

Chosen because it is what it says: no gradient is read and no layer of the network is looked into, so it holds for any
grader that answers for crops, and a reader can imagine it. A place is blotted by what is left of it after a wide blur,
in all planes at once, with soft edges; the drawn outline and the measured heights stay as they are.

Source: Zeiler MD, Fergus R, Visualizing and understanding convolutional networks, ECCV 2014 (occlusion).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.grader.crop import COLUMNS, MARGIN, ROWS, VIEW_COLUMNS, VIEW_ROWS, Crop, as_hounsfield
from vfscreen.ports import Progress

Float = NDArray[np.float64]

BLOT_MM, STRIDE_MM, BLUR_MM = 6.0, 6, 9.0
"""The radius of a blot, from one to the next, and the width (SD) of the blur that replaces it."""

SOFT_EDGE_MM = 3.0
AT_ONCE = 16

Severity = Callable[[Sequence[Crop]], Float]
"""What is explained: one number a crop, higher for a worse fracture."""


def occlusion_map(severity: Severity, crop: Crop, progress: Progress) -> NDArray[np.float32]:
    """Returns by how much the severity falls without each place of the view, (VIEW_ROWS, VIEW_COLUMNS).

    Positive where the place speaks for a fracture. Each pixel is the mean over the blots that cover it. `progress` is
    told after every few answers, and may raise to end it.
    """
    whole = float(severity([crop])[0])
    blots = _blots()
    blurred = ndimage.gaussian_filter(crop.planes.astype(np.float32), (0.0, BLUR_MM, BLUR_MM), mode="nearest")
    falls = np.zeros(len(blots))
    for start in range(0, len(blots), AT_ONCE):
        progress("looking where the answer hangs", start / len(blots))
        some = blots[start : start + AT_ONCE]
        answers = severity([_blotted(crop, blurred, blot) for blot in some])
        falls[start : start + len(some)] = whole - answers
    inside = blots[:, MARGIN : MARGIN + VIEW_ROWS, MARGIN : MARGIN + VIEW_COLUMNS]
    mean: NDArray[np.float32] = (np.tensordot(falls, inside, 1) / inside.sum(0)).astype(np.float32)
    return mean


def _blotted(crop: Crop, blurred: NDArray[np.float32], blot: NDArray[np.float32]) -> Crop:
    planes = crop.planes.astype(np.float32)
    return replace(crop, planes=as_hounsfield(planes + blot * (blurred - planes)))


def _blots() -> NDArray[np.float32]:
    """Returns soft discs that cover the view, (n, ROWS, COLUMNS), 0 to 1."""
    rows = np.arange(MARGIN + STRIDE_MM // 2, MARGIN + VIEW_ROWS, STRIDE_MM)
    columns = np.arange(MARGIN + STRIDE_MM // 2, MARGIN + VIEW_COLUMNS, STRIDE_MM)
    row, column = np.arange(ROWS)[None, :, None], np.arange(COLUMNS)[None, None, :]
    centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    away = np.hypot(row - centres[:, 0, None, None], column - centres[:, 1, None, None])
    discs: NDArray[np.float32] = np.clip((BLOT_MM - away) / SOFT_EDGE_MM + 0.5, 0.0, 1.0).astype(np.float32)
    return discs

"""Lays a mask onto the grid of its CT: voxel by voxel, or not at all where the affines do not say how."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vfscreen.errors import MaskMismatch
from vfscreen.volume import Volume

Float = NDArray[np.float64]

ALIGNED_MM = 0.25
"""Grids are the same if no voxel is further off: many programs keep affines as 32-bit numbers."""


def onto_grid(mask: Volume, ct: Volume, where: str, *, part: bool = False) -> tuple[Volume, tuple[str, ...]]:
    """Returns the mask on the CT's grid, and what must be said of it.

    The same grid is taken over voxel by voxel, in whatever order the arrays run. Another resolution of the same box is
    read off at the nearest voxel, and said. With `part` the mask may cover a part of the CT's grid, as DICOM SEG does,
    which leaves empty slices out.

    Raises:
        MaskMismatch: the mask lies elsewhere.
    """
    to_ct = ct.inverse @ mask.affine
    turn = np.rint(to_ct[:3, :3])
    if _is_turn(turn) and _drift_mm(to_ct[:3, :3] - turn, mask, ct) <= ALIGNED_MM:
        low = np.rint(_lowest(to_ct, turn, mask)).astype(int)
        off_mm = float(np.linalg.norm((_lowest(to_ct, turn, mask) - low) * ct.spacing_mm))
        turned = _turned(mask, turn)
        covers = not low.any() and turned.shape == ct.shape
        if off_mm <= ALIGNED_MM and (covers or part):
            return _pasted(turned, low, ct, where), ()
    elif _same_box(to_ct, mask, ct):
        said = f"the mask has voxels of {_size(mask)}, the CT of {_size(ct)}: it was read off at the nearest"
        return _resampled(mask, ct), (said,)
    raise MaskMismatch(
        f"the mask lies on another grid ({_grid(mask)}) than the CT ({_grid(ct)})",
        where,
        "make it from this very CT, or resample it to its grid",
    )


def _is_turn(turn: Float) -> bool:
    """Says whether a matrix only permutes and flips axes."""
    return bool((np.abs(turn).sum(0) == 1).all() and (np.abs(turn).sum(1) == 1).all())


def _drift_mm(difference: Float, mask: Volume, ct: Volume) -> float:
    """How far two grids part from one end of the mask to the other, mm."""
    along = difference * (np.array(mask.shape) - 1) * ct.spacing_mm[:, None]
    return float(np.linalg.norm(along, axis=0).max())


def _lowest(to_ct: Float, turn: Float, mask: Volume) -> Float:
    """The CT's index, not rounded, at which the mask's lowest corner lies."""
    flipped = np.minimum(turn @ (np.array(mask.shape) - 1), 0)
    return np.asarray(to_ct[:3, 3] + flipped, float)


def _turned(mask: Volume, turn: Float) -> NDArray[np.int16]:
    order = np.abs(turn).argmax(1)
    voxels = mask.voxels.transpose(order)
    flipped: NDArray[np.int16] = np.flip(
        voxels, tuple(axis for axis in range(3) if turn[axis, order[axis]] < 0)
    )
    return flipped


def _pasted(voxels: NDArray[np.int16], low: NDArray[np.intp], ct: Volume, where: str) -> Volume:
    start = np.maximum(low, 0)
    end = np.minimum(low + np.array(voxels.shape), ct.shape)
    if (end <= start).any():
        raise MaskMismatch(
            "the mask lies outside the CT", where, "give the mask that was made from this very CT"
        )
    labels = np.zeros(ct.shape, np.int16)
    target = tuple(slice(a, b) for a, b in zip(start, end, strict=True))
    labels[target] = voxels[tuple(slice(a, b) for a, b in zip(start - low, end - low, strict=True))]
    return Volume(labels, ct.affine)


def _same_box(to_ct: Float, mask: Volume, ct: Volume) -> bool:
    """Says whether both fill the same box along the same axes, up to a voxel of the coarser at its ends."""
    linear = to_ct[:3, :3]
    turn = np.sign(linear) * (np.abs(linear) == np.abs(linear).max(0))
    if not _is_turn(turn) or _drift_mm(linear - linear * np.abs(turn), mask, ct) > ALIGNED_MM:
        return False
    ends = np.stack([np.full(3, -0.5), np.array(mask.shape) - 0.5]) @ linear.T + to_ct[:3, 3]
    coarser = np.maximum(np.abs(linear).max(1), 1.0)
    apart = np.stack([ends.min(0) + 0.5, ends.max(0) - (np.array(ct.shape) - 0.5)])
    return bool((np.abs(apart) <= coarser).all())


def _resampled(mask: Volume, ct: Volume) -> Volume:
    from scipy import ndimage  # 0.2 s, which a mask on the CT's own grid does not need

    to_mask = mask.inverse @ ct.affine
    voxels = ndimage.affine_transform(
        mask.voxels, to_mask[:3, :3], to_mask[:3, 3], output_shape=ct.shape, order=0, mode="nearest"
    )
    return Volume(np.ascontiguousarray(voxels), ct.affine)


def _size(volume: Volume) -> str:
    return " x ".join(f"{value:.3g}" for value in volume.spacing_mm) + " mm"


def _grid(volume: Volume) -> str:
    centre = volume.corners_lps_mm().mean(0)
    at = ", ".join(f"{value:.0f}" for value in centre)
    return f"{' x '.join(map(str, volume.shape))} voxels of {_size(volume)} about {at}"

"""Spines with another count, made from real ones: a body doubled or taken out, all below it moved along."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vfscreen.volume import AIR_HU, Volume, reorient, sample

Float = NDArray[np.float64]


def with_another_count(volume: Volume, upper_disc: Float, lower_disc: Float, *, doubled: bool) -> Volume:
    """Doubles the body between two discs, or takes it out; the cut runs through the middle of a disc, along it.

    Shapes: upper_disc, lower_disc (3,), the middles of the discs above and below. Frame: LPS mm.
    """
    straight = reorient(volume, (0, 1, 2), (1, 1, 1))
    body = lower_disc - upper_disc
    longer = round(abs(float(body[2])) / float(straight.spacing_mm[2])) * (1 if doubled else -1)
    affine = straight.affine.copy()
    affine[:3, 3] = straight.lps_of(np.array([0.0, 0.0, -float(longer)]))
    shape = (*straight.shape[:2], straight.shape[2] + longer)
    cut, back = (lower_disc, -body) if doubled else (upper_disc, body)
    voxels = np.empty(shape, np.int16)
    plane = np.stack([*np.meshgrid(*(np.arange(n) for n in shape[:2]), indexing="ij")], -1).astype(float)
    for k in range(shape[2]):
        places = np.concatenate([plane, np.full((*shape[:2], 1), float(k))], -1) @ affine[:3, :3].T
        places += affine[:3, 3]
        below = (places - cut) @ body > 0
        hu = sample(straight, np.where(below[..., None], places + back, places), outside_hu=AIR_HU)
        voxels[:, :, k] = np.round(hu).clip(-1024, 3071)
    return Volume(voxels, affine)

"""Pieces of a scan from beside and in front of its spine: nothing may be found in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.localiser.truth import CaseEntry, ct_path, read_truth, read_volume, wide_path
from vfscreen.ports import Localiser
from vfscreen.volume import Volume, reorient

Float = NDArray[np.float64]

WIDE_WITHOUT_BOX = ("demo", "acrin001_a", "acrin001_b", "cmbcrc01068_lungkernel")
"""Cases whose own CT shows the whole of the patient."""
BESIDE_MM, BEFORE_MM = 50.0, 35.0
"""How far from the centres of the bodies a piece begins."""
SMALLEST_VOXELS = 20


def pieces_beside(cases: Path, entry: CaseEntry) -> Iterator[tuple[str, Volume]]:
    """Yields what lies right of, left of and in front of the spine, where the view goes that far."""
    if not entry.wide and entry.name not in WIDE_WITHOUT_BOX:
        return
    path = wide_path(cases, entry.name) if entry.wide else ct_path(cases, entry.name)
    volume = reorient(read_volume(path), (0, 1, 2), (1, 1, 1))
    places = volume.indices_of(read_truth(cases, entry).centres_lps_mm)
    beside, before = BESIDE_MM / volume.spacing_mm[0], BEFORE_MM / volume.spacing_mm[1]
    low = max(int(places[:, 0].min() - beside), 0)
    high = int(places[:, 0].max() + beside)
    front = max(int(places[:, 1].min() - before), 0)
    for name, first, box in (
        ("right", 0, np.s_[:low]),
        ("left", high, np.s_[high:]),
        ("front", 0, np.s_[:, :front]),
    ):
        voxels = volume.voxels[box]
        if min(voxels.shape) >= SMALLEST_VOXELS:
            affine = volume.affine.copy()
            affine[:3, 3] = volume.lps_of(np.array([first, 0, 0], float))
            yield name, Volume(np.ascontiguousarray(voxels), affine)


def found_beside(cases: Path, entry: CaseEntry, localiser: Localiser) -> dict[str, int]:
    """Counts the bodies found in each piece of a case."""
    return {name: len(localiser.locate(piece).vertebrae) for name, piece in pieces_beside(cases, entry)}

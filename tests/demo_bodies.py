"""Bodies of the demo CT as read by eye, and a small cut of that CT round them, as files for tests."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np

from vfscreen.anatomy import level_of
from vfscreen.findings import SeriesFacts, Vertebra
from vfscreen.genant import POINT_NAMES, SixPoints, axes_of, heights_of
from vfscreen.model_files import sha256_of
from vfscreen.volume import Volume

POINTS = Path(__file__).parent / "data" / "demo_points.json"
ROUND_MM = 70.0
"""Wide enough for the grader's crop of every body."""


def demo_bodies() -> list[Vertebra]:
    """T9 to L2 of the demo CT, from the head down."""
    content = json.loads(POINTS.read_text(encoding="utf-8"))
    bodies = []
    for name, said in content["bodies"].items():
        points = SixPoints.from_array(np.array([said[point] for point in POINT_NAMES]))
        axes = axes_of(points)
        bodies.append(
            Vertebra(level_of(name), True, True, axes.origin, 0.9, points, axes, heights_of(points), 1.0)
        )
    return bodies


def write_nifti(volume: Volume, path: Path) -> Path:
    """Writes a volume; NIfTI's axes grow to the right, front and head instead of left, back and head."""
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(volume.voxels, to_ras @ volume.affine), path)
    return path


def facts_of_file(path: Path) -> SeriesFacts:
    """What import keeps of a file, so that it is known again; nothing of one that is not there."""
    return SeriesFacts("nifti", sha256=sha256_of(path) if path.exists() else "")


def cut_round_bodies(volume: Volume) -> Volume:
    """Cuts the box round the bodies out of the demo CT: a twelfth of it, which reads in no time."""
    centres = np.stack([body.centre_lps_mm for body in demo_bodies()])
    ends = np.stack([centres.min(0) - ROUND_MM, centres.max(0) + ROUND_MM])
    indices = np.sort(volume.indices_of(ends), axis=0)
    low = np.maximum(np.floor(indices[0]), 0).astype(int)
    high = np.minimum(np.ceil(indices[1]) + 1, volume.shape).astype(int)
    affine = volume.affine.copy()
    affine[:3, 3] = volume.lps_of(low.astype(float))
    voxels = volume.voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    return Volume(np.ascontiguousarray(voxels), affine)

"""Tiny data sets in the layouts of the published data set and of VerSe: real files, made-up spines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from vfscreen.volume import Volume

STEP_MM = 2.0
SHAPE = (40, 40, 60)
HIGHEST_MM = 24.0
SPACING_MM = 34.0

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class MadeScan:
    """A made-up CT, the mask of its vertebrae, and where their bodies' centres lie, LPS mm."""

    ct: Volume
    mask: NDArray[np.uint8]
    centres_lps_mm: dict[int, NDArray[np.float64]]


def made_scan(losses_percent: Mapping[int, float]) -> MadeScan:
    """Makes a spine of box-shaped vertebrae, labels from the head down, each pressed by its loss.

    Array axes run to the left, to the back and to the head. A vertebra is a body of 40 x 30 x 24 mm with an arch
    behind a canal.
    """
    affine = np.diag([STEP_MM, STEP_MM, STEP_MM, 1.0])
    affine[:3, 3] = (-40.0, -150.0, -700.0)
    rng = np.random.default_rng(len(losses_percent))
    voxels = rng.normal(40, 15, SHAPE).astype(np.int16)
    voxels[:2] = -1000
    voxels[:, :3] = -100
    mask = np.zeros(SHAPE, np.uint8)
    centres = {}
    top = SHAPE[2] - 4
    for label, loss in losses_percent.items():
        height = round(HIGHEST_MM / STEP_MM * (1 - loss / 100))
        bottom = top - height
        body = (slice(10, 30), slice(5, 20), slice(bottom, top))
        mask[body] = label
        mask[18:22, 27:34, bottom:top] = label  # the arch
        for side in (slice(11, 14), slice(26, 29)):
            mask[side, 20:28, bottom + 1 : bottom + 5] = label  # the pedicles
        mask[11:29, 26:28, bottom + 1 : bottom + 5] = label  # the laminae
        centres[label] = affine[:3, 3] + STEP_MM * np.array([19.5, 12.0, (bottom + top - 1) / 2])
        top -= round(SPACING_MM / STEP_MM) - (round(HIGHEST_MM / STEP_MM) - height)
    voxels[mask > 0] = 350
    return MadeScan(Volume(np.ascontiguousarray(voxels), affine), mask, centres)


def write_image(path: Path, voxels: NDArray[np.generic], affine_lps: NDArray[np.float64]) -> Path:
    """Writes a NIfTI file whose array axes are those of the voxels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(voxels, _LPS_TO_RAS @ affine_lps)
    image.set_sform(_LPS_TO_RAS @ affine_lps, code=1)
    nibabel.save(image, path)
    return path


def write_published_set(folder: Path, patients: Mapping[str, Mapping[int, int]]) -> Path:
    """Writes CTs, masks and `annotation.yaml`; `patients` holds the grade of each label of each patient.

    Keys and values are quoted, as in the published example.
    """
    lines = []
    for name, grades in patients.items():
        scan = made_scan(pressed(grades))
        write_image(folder / "img" / f"{name}.nii.gz", scan.ct.voxels, scan.ct.affine)
        write_image(folder / "seg" / f"{name}.nii.gz", scan.mask, scan.ct.affine)
        lines += [f"{name}.nii.gz:", *(f"  '{label}': '{grade}'" for label, grade in grades.items())]
    (folder / "annotation.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_verse_set(
    folder: Path, subjects: Mapping[str, Mapping[int, int]], part: str = "dataset-verse19training"
) -> Path:
    """Writes VerSe's layout by subject, with centroids and `vertebra_data.json`."""
    table: dict[str, int] = {}
    for subject, grades in subjects.items():
        scan = made_scan(pressed(grades))
        name = f"sub-{subject}"
        write_image(folder / part / "rawdata" / name / f"{name}_ct.nii.gz", scan.ct.voxels, scan.ct.affine)
        derived = folder / part / "derivatives" / name
        write_image(derived / f"{name}_seg-vert_msk.nii.gz", scan.mask, scan.ct.affine)
        write_centroids(
            derived / f"{name}_seg-subreg_ctd.json", in_voxels(scan, ("P", "I", "R")), ("P", "I", "R")
        )
        table |= {f"{name}_{label}": grade for label, grade in grades.items()}
    (folder / "vertebra_data.json").write_text(json.dumps({"all": table}), encoding="utf-8")
    return folder


def pressed(grades: Mapping[int, int]) -> dict[int, float]:
    """Returns a loss for each grade, percent."""
    return {label: (0.0, 22.0, 33.0, 50.0)[min(max(grade, 0), 3)] for label, grade in grades.items()}


def in_voxels(scan: MadeScan, directions: Sequence[str]) -> dict[int, list[float]]:
    """Returns centres in voxels of the CT turned to the directions, counted by hand."""
    found = {}
    for label, centre in scan.centres_lps_mm.items():
        places = (centre - scan.ct.affine[:3, 3]) / STEP_MM
        patient = {"L": places[0], "P": places[1], "S": places[2]}
        patient |= {
            "R": SHAPE[0] - 1 - places[0],
            "A": SHAPE[1] - 1 - places[1],
            "I": SHAPE[2] - 1 - places[2],
        }
        found[label] = [float(patient[code]) for code in directions]
    return found


def write_centroids(
    path: Path, places: Mapping[int, Sequence[float]], directions: Sequence[str] | None = None
) -> Path:
    """Writes a centroid file; without directions it is one of the challenges."""
    content: list[dict[str, object]] = [] if directions is None else [{"direction": list(directions)}]
    content += [
        {"label": label, "X": place[0], "Y": place[1], "Z": place[2]} for label, place in places.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path

"""What is known of the training cases: bodies from marks or masks, with the patient they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from vfscreen.anatomy import ASSESSED, Level, level_of
from vfscreen.demo_case import demo_ct
from vfscreen.genant import POINT_NAMES
from vfscreen.masks.bodies import bodies_of_mask
from vfscreen.masks.six_points import points_of_mask
from vfscreen.model_files import sha256_of
from vfscreen.volume import Volume

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CaseEntry:
    """One case of the development data.

    `patient` groups what must stay on one side of a split; `truth` is "marks", "own marks" or "mask";
    `wide` says that the whole view lies beside the CT as `wide.nii.gz`; `levels_known` is False where names are in
    doubt. `trained`: may train shipped weights.
    """

    name: str
    patient: str
    truth: str
    licence: str
    wide: bool = False
    levels_known: bool = True
    trained: bool = True


DEMO = "demo"
_CC3, _CC4, _SA = "CC BY 3.0", "CC BY 4.0", "CC BY-SA 4.0"
CASES: tuple[CaseEntry, ...] = (
    CaseEntry(DEMO, "lidc0001", "marks", _CC3),
    CaseEntry("verse005", "verse005", "marks", _SA),
    CaseEntry("verse006", "verse006", "marks", _SA),
    CaseEntry("verse007", "verse007", "marks", _SA),
    CaseEntry("verse008", "verse008", "marks", _SA),
    CaseEntry("acrin001_b", "acrin001", "marks", _CC3),
    CaseEntry("cmbcrc01068_lungkernel", "cmbcrc01068", "marks", _CC4),
    CaseEntry("lidc0314", "lidc0314", "marks", _CC3),
    CaseEntry("hcc007", "hcc007", "marks", _CC4, wide=True, levels_known=False),
    CaseEntry("qin0009", "qin0009", "marks", _CC3, wide=True),
    CaseEntry("verse014", "verse014", "mask", _SA),
    CaseEntry("totalseg_s0009", "totalseg_s0009", "mask", _CC4),
    CaseEntry("acrin001_a", "acrin001", "own marks", _CC3),
    CaseEntry("hcc002", "hcc002", "own marks", _CC4, wide=True),
    CaseEntry("hcc006", "hcc006", "own marks", _CC4, wide=True),
    CaseEntry("hcc011", "hcc011", "own marks", _CC4, wide=True),
    CaseEntry("qin0014", "qin0014", "own marks", _CC3, wide=True),
    CaseEntry("qin0028", "qin0028", "own marks", _CC3, wide=True),
    CaseEntry("qin0055", "qin0055", "own marks", _CC3, wide=True),
    CaseEntry("lidc0005", "lidc0005", "own marks", _CC3, wide=True),
    CaseEntry("cmbcrc01068_sag", "cmbcrc01068", "own marks", _CC4, wide=True),
    CaseEntry("ricord_80m", "ricord_80m", "marks", "CC BY-NC 4.0", trained=False),
)
OWN_MARKS = Path(__file__).resolve().parents[2] / "benchmarks" / "marks"
"""Marks made in this project, of cases that came without."""


@dataclass(frozen=True, slots=True)
class TrueBody:
    """A body as a person or a mask placed it. Frame: LPS mm.

    Shapes: centre (3,); points (6, 3) in the order of `POINT_NAMES`, or None. `sure` is the reader's word on them.
    """

    level: Level
    centre_lps_mm: Float
    whole: bool
    points_lps_mm: Float | None = None
    sure: bool = False


@dataclass(frozen=True, slots=True)
class TrueCase:
    """A case with its bodies from the head down: C7 to L5, as far as their place is known."""

    entry: CaseEntry
    bodies: tuple[TrueBody, ...]

    @property
    def reaches_sacrum(self) -> bool:
        """Whether the sacrum follows below the last body."""
        return len(self.bodies) > 1 and self.bodies[-1].level in (Level.L5, Level.L6)

    @property
    def centres_lps_mm(self) -> Float:
        """All centres, (n, 3) LPS mm."""
        return np.array([body.centre_lps_mm for body in self.bodies]).reshape(-1, 3)


def read_volume(path: Path) -> Volume:
    """Reads a NIfTI file of the development data as int16, turned to LPS."""
    image: Any = nibabel.load(path)
    voxels = np.ascontiguousarray(np.asanyarray(image.dataobj).astype(np.int16))
    return Volume(voxels, np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine)


def ct_path(cases: Path, name: str) -> Path:
    """Where a case's CT lies."""
    return demo_ct() if name == DEMO else cases / name / "ct.nii.gz"


def digests_of(cases: Path, entries: Iterable[CaseEntry]) -> tuple[str, ...]:
    """Returns the sha256 of each case's CT, by which a store knows it again."""
    return tuple(sorted(sha256_of(ct_path(cases, entry.name)) for entry in entries))


def wide_path(cases: Path, name: str) -> Path:
    """Where the whole view of a case lies whose CT is cut to a box round the spine."""
    return cases / name / "wide.nii.gz"


def read_truth(cases: Path, entry: CaseEntry) -> TrueCase:
    """Reads what is known of a case from its marks, those of our own, or its mask."""
    if entry.truth == "mask":
        return read_mask_truth(cases / entry.name / "mask.nii.gz", entry)
    folder = cases / "marks" if entry.truth == "marks" else OWN_MARKS
    return TrueCase(entry, _marked_bodies(folder / f"{entry.name}.json"))


def read_mask_truth(path: Path, entry: CaseEntry, *, with_points: bool = False) -> TrueCase:
    """Reads the bodies off a mask of whole vertebrae (VerSe labels), with their six points where that is asked."""
    labels = read_volume(path)
    found = bodies_of_mask(labels, tuple(int(level) for level in ASSESSED))
    usual = float(np.median([body.height_mm for body in found])) if found else 0.0
    bodies = []
    for body in found:
        whole = body.whole or body.height_mm > 0.85 * usual
        points = points_of_mask(labels, body.label, body.centre_lps_mm) if with_points and whole else None
        six = None if points is None else points.array()
        bodies.append(TrueBody(Level(body.label), body.centre_lps_mm, whole, six, sure=six is not None))
    return TrueCase(entry, tuple(sorted(bodies, key=lambda body: body.level.rank)))


def _marked_bodies(path: Path) -> tuple[TrueBody, ...]:
    bodies = []
    for mark in json.loads(path.read_text())["vertebrae"]:
        level = level_of(mark["level"])
        if mark.get("centre_lps_mm") is None or level.rank < Level.C7.rank:
            continue
        points = None
        if mark.get("points_lps_mm") and mark["whole"]:
            points = np.array([mark["points_lps_mm"][name] for name in POINT_NAMES])
        bodies.append(
            TrueBody(
                level,
                np.array(mark["centre_lps_mm"], float) if points is None else points.mean(0),
                bool(mark["whole"]),
                points,
                bool(mark.get("sure")),
            )
        )
    return tuple(bodies)

"""The development cases as the grader uses them: marked bodies with the grade that is known of each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.grader.examples import Example, evenly_broken, reader_example, simulated_examples
from models.localiser.truth import CaseEntry, TrueCase, ct_path, read_truth, read_volume
from vfscreen.anatomy import ASSESSED, Level, level_of
from vfscreen.findings import Vertebra
from vfscreen.frames import frames_of, realigned
from vfscreen.genant import POINT_NAMES, Grade, ReadGrade, SixPoints, axes_of, heights_of
from vfscreen.half_level import CLEAR_HU, FURTHEST_MM, half_levels
from vfscreen.masks.bodies import bodies_of_mask
from vfscreen.masks.six_points import points_of_mask
from vfscreen.volume import AIR_HU, Volume

SHARPENED_SHARE = 0.5
"""With half of the way, heights of localisers that had left the patient out agree best: 0.34 mm in the median instead
of 0.45. They go 0.6 of that way themselves, so that some of this is by construction."""


@dataclass(frozen=True, slots=True)
class GradedCase:
    """A scan with its measured bodies; `grades` holds those that are known: published, or read as normal by hand."""

    entry: CaseEntry
    volume: Volume
    vertebrae: tuple[Vertebra, ...]
    grades: dict[Level, Grade]

    @property
    def healthy(self) -> list[Vertebra]:
        """The bodies of grade 0, from which fractures are simulated."""
        return [one for one in self.vertebrae if self.grades.get(one.level) is Grade.NORMAL]


def read_graded_case(cases: Path, entry: CaseEntry, own_marks: Path) -> GradedCase | None:
    """Reads a scan with its bodies: marked with the data, by us (`own_marks`), or read off a mask; None without.

    Points are moved to the half level on the CT where it is near (`sharpened`). Without published grades the marks'
    impressions count.
    """
    marks = next((path for path in _marks(cases, entry, own_marks) if path.is_file()), None)
    vertebrae: tuple[Vertebra, ...] = ()
    impressions: dict[Level, Grade] = {}
    if marks is not None:
        content = json.loads(marks.read_text(encoding="utf-8"))["vertebrae"]
        vertebrae, impressions = _marked(content, entry.levels_known), _impressions(content)
    elif entry.truth == "mask":
        mask = read_volume(cases / entry.name / "mask.nii.gz")
        vertebrae = tuple(_masked(read_truth(cases, entry), mask))
    grades = _published(cases / entry.name / "grades.csv") or impressions
    if not vertebrae or not grades:
        return None
    volume = read_volume(ct_path(cases, entry.name))
    return GradedCase(entry, volume, sharpened(volume, vertebrae), grades)


def sharpened(volume: Volume, vertebrae: Sequence[Vertebra]) -> tuple[Vertebra, ...]:
    """Moves points half of the way to the half level between endplate and disc on the CT, where that is near and clear.

    A reader's hand trembles by some tenths of a millimetre, which no one can see in a simulated fracture: a truth that
    lies on the picture's own edges is one that can be learned, and asked for.
    """
    if not vertebrae:
        return ()
    points = np.stack([one.points.array() for one in vertebrae if one.points is not None])
    frames = realigned(frames_of(points.mean(1)), points)
    levels = half_levels(volume, frames, points)
    near = np.abs(levels.offset_mm) <= FURTHEST_MM
    outward = np.repeat([1.0, -1.0], 3)[None, :, None] * frames.superior[:, None]
    share = SHARPENED_SHARE * near * np.clip(levels.fall_hu / CLEAR_HU, 0, 1)
    moved = points + (share * levels.offset_mm)[..., None] * outward
    return tuple(
        _vertebra(one.level, SixPoints.from_array(six), one.level_certain)
        for one, six in zip(vertebrae, moved, strict=True)
    )


def mask_examples(cases: Path, use: str = "train") -> list[Example]:
    """Outlines of the bodies with published grades of which there is a mask but no CT; `use` as in their table.

    Their planes are blank: who looks at them sees the drawn points alone.
    """
    with (cases / "masks_only" / "grades.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["use"] == use]
    found: list[Example] = []
    for name in sorted({row["mask"] for row in rows}):
        mask = read_volume(cases / "masks_only" / f"{name}.nii.gz")
        vertebrae = list(_outlined(mask))
        blank = Volume(np.full(mask.voxels.shape, AIR_HU, np.int16), mask.affine)
        grades = {
            level_of(row["level"]): Grade(int(row["genant_grade"])) for row in rows if row["mask"] == name
        }
        found += [
            reader_example(
                blank,
                one,
                vertebrae,
                ReadGrade(float(grades[one.level])).soft(),
                name,
                f"{name}/{one.level}",
            )
            for one in vertebrae
            if one.level in grades
        ]
    return found


def _outlined(mask: Volume) -> Iterator[Vertebra]:
    for body in bodies_of_mask(mask, tuple(int(level) for level in ASSESSED)):
        points = points_of_mask(mask, body.label, body.centre_lps_mm) if body.whole else None
        if points is not None:
            yield _vertebra(Level(body.label), points, True)


def real_examples(case: GradedCase) -> list[Example]:
    """Cuts out every body whose grade is known."""
    return [
        reader_example(
            case.volume,
            one,
            case.vertebrae,
            ReadGrade(float(case.grades[one.level])).soft(),
            case.entry.patient,
            f"{case.entry.name}/{one.level}",
        )
        for one in case.vertebrae
        if one.level in case.grades
    ]


def bank_of(case: GradedCase, per_body: int, seed: int) -> list[Example]:
    """Makes a case's share of the bank: `per_body` simulated examples a healthy body, and the real ones."""
    count = per_body * len(case.healthy)
    simulated = simulated_examples(case.volume, case.vertebrae, case.healthy, case.entry.patient, count, seed)
    return [*simulated, *real_examples(case)]


def test_set_of(case: GradedCase, per_body: int, seed: int) -> list[Example]:
    """Makes what is asked of a network that has not seen this patient: even losses, and controls without any."""
    return list(evenly_broken(case.volume, case.vertebrae, case.healthy, case.entry.patient, per_body, seed))


def _marks(cases: Path, entry: CaseEntry, own_marks: Path) -> Iterator[Path]:
    yield cases / "marks" / f"{entry.name}.json"
    yield own_marks / f"{entry.name}.json"


def _marked(content: Sequence[dict[str, Any]], levels_known: bool) -> tuple[Vertebra, ...]:
    found = []
    for mark in content:
        places = mark.get("points_lps_mm") or {}
        if mark["whole"] and all(places.get(name) is not None for name in POINT_NAMES):
            points = SixPoints.from_array(np.array([places[name] for name in POINT_NAMES], float))
            found.append(_vertebra(level_of(mark["level"]), points, levels_known))
    return tuple(found)


def _masked(truth: TrueCase, mask: Volume) -> Iterator[Vertebra]:
    for body in truth.bodies:
        points = points_of_mask(mask, int(body.level), body.centre_lps_mm) if body.whole else None
        if points is not None:
            yield _vertebra(body.level, points, truth.entry.levels_known)


def _vertebra(level: Level, points: SixPoints, level_certain: bool) -> Vertebra:
    axes = axes_of(points)
    return Vertebra(
        level=level,
        level_certain=level_certain,
        whole=True,
        centre_lps_mm=axes.origin,
        confidence=1.0,
        points=points,
        axes=axes,
        heights=heights_of(points),
    )


def _published(table: Path) -> dict[Level, Grade]:
    if not table.is_file():
        return {}
    with table.open(encoding="utf-8") as file:
        return {
            level_of(row["level"]): Grade(int(row["genant_grade"]))
            for row in csv.DictReader(file)
            if row["genant_grade"]
        }


def _impressions(content: Sequence[dict[str, Any]]) -> dict[Level, Grade]:
    return {
        level_of(mark["level"]): Grade(int(mark["genant_impression"]))
        for mark in content
        if mark.get("genant_impression") in (0, 1, 2, 3)
    }

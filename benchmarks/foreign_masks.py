"""Compares what is measured on other people's masks with marks made by eye, and with published grades.

The tables go into `docs/foreign_masks.md`: cases with a CT, a mask and marks (four with VerSe masks, and the demo with
its mask in TotalSegmentator's numbers), measured on the mask alone and with the CT's endplates; and bodies of which
there is a mask with published grades, but no CT. Intervals are those of bootstrapped patients. About a minute; needs
the development cases (environment variable VFSCREEN_CASES).
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.foreign_masks_tables import (
    GradedBody,
    MarkedBody,
    figures_of,
    tables,
    write_tables,
)
from models.localiser.truth import read_volume
from vfscreen.anatomy import ASSESSED, Level, level_of
from vfscreen.demo_case import demo_ct
from vfscreen.findings import Vertebra
from vfscreen.frames import frames_of
from vfscreen.genant import POINT_NAMES, Reference, axes_of, heights_of, three_heights
from vfscreen.intake import read_study
from vfscreen.masks import MaskKind, MaskSet
from vfscreen.masks.bodies import bodies_of_mask
from vfscreen.masks.mask_localiser import BASE_MM, MaskLocaliser
from vfscreen.masks.reading import read_mask
from vfscreen.masks.six_points import points_of_mask
from vfscreen.spine_morphometry import measure_all
from vfscreen.volume import Volume

Float = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "foreign_masks.md"
DEMO, VERSE = "demo", ("verse005", "verse006", "verse007", "verse008")
LAST_OF_TOTALSEGMENTATOR = 116
"""The demo's mask counts one class more than TotalSegmentator beyond the sternum; what is above is left out."""


def masked_cases(cases: Path) -> Iterator[tuple[str, Volume, MaskLocaliser]]:
    """Yields the cases that have a CT, a mask and marks, with a localiser that reads the mask."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (*VERSE, DEMO):
            loaded = read_study(demo_ct() if name == DEMO else cases / name / "ct.nii.gz")
            path = demo_mask(Path(folder)) if name == DEMO else cases / name / "mask.nii.gz"
            mask = read_mask(path, MaskKind.AUTO, loaded)
            say(f"{name}: {mask.form}")
            yield name, loaded.volume, MaskLocaliser(mask.name(), mask)


def demo_mask(folder: Path) -> Path:
    """Writes the demo's mask without what is above TotalSegmentator's own numbers."""
    image: Any = nibabel.load(demo_ct().parent / "mask.nii.gz")
    labels = np.asarray(image.dataobj).astype(np.uint8)
    labels[labels > LAST_OF_TOTALSEGMENTATOR] = 0
    path = folder / "mask.nii.gz"
    nibabel.save(nibabel.Nifti1Image(labels, image.affine), path)
    return path


def beside_marks(
    name: str, mask: MaskSet, vertebrae: Sequence[Vertebra], marks: Path
) -> Iterator[MarkedBody]:
    """Yields every body that is whole in the marks and measured by the program."""
    said = {level_of(mark["level"]): mark for mark in json.loads(marks.read_text())["vertebrae"]}
    alone = {body.level: body for body in measured_alone(mask.labels)}
    for body in vertebrae:
        mark = said.get(body.level)
        if body.points is None or mark is None or not (mark["whole"] and mark.get("points_lps_mm")):
            continue
        points = np.array([mark["points_lps_mm"][point] for point in POINT_NAMES])
        true, own = three_heights(points), three_heights(body.points.array())
        by_mask = alone[body.level].heights
        assert by_mask is not None and body.uncertainty_mm is not None
        yield MarkedBody(
            case=name,
            level=str(body.level),
            sure=bool(mark.get("sure")),
            centre_mm=float(np.linalg.norm(body.centre_lps_mm - points.mean(0))),
            mask_mm=tuple((by_mask.array() - true).tolist()),
            edge_mm=tuple((own - true).tolist()),
            ratios=(own[0] / own[2] - true[0] / true[2], own[1] / own[2] - true[1] / true[2]),
            uncertainty_mm=body.uncertainty_mm,
        )


def measured_alone(labels: Volume) -> list[Vertebra]:
    """Reads the whole bodies of a mask without a CT, from the head down."""
    bodies = bodies_of_mask(labels, tuple(int(level) for level in ASSESSED))
    left = frames_of(np.array([body.centre_lps_mm for body in bodies])).left
    vertebrae = []
    for k, body in enumerate(bodies):
        points = points_of_mask(labels, body.label, body.centre_lps_mm, left[k])
        if points is not None:
            level, axes = Level(body.label), axes_of(points)
            heights = heights_of(points)
            vertebrae.append(
                Vertebra(level, True, True, axes.origin, 1.0, points, axes, heights, uncertainty_mm=BASE_MM)
            )
    return vertebrae


def graded_bodies(cases: Path) -> Iterator[GradedBody]:
    """Yields every body with a published grade of which there is a mask alone."""
    with (cases / "masks_only" / "grades.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    for name in sorted({row["mask"] for row in rows}):
        vertebrae = measured_alone(read_volume(cases / "masks_only" / f"{name}.nii.gz"))
        measured = measure_all(vertebrae, Reference.EXPECTED_BY_LEVEL)
        by_level = {body.level: found for body, (found, _) in zip(vertebrae, measured, strict=True)}
        for row in rows:
            found = by_level.get(level_of(row["level"])) if row["mask"] == name else None
            if found is not None:
                yield GradedBody(
                    name,
                    row["use"],
                    row["level"],
                    int(row["genant_grade"]),
                    found.loss_percent,
                    int(found.grade),
                    str(found.shape),
                )


def say(line: str) -> None:
    """Tells how far it is."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Measures, writes the tables and prints the figures."""
    if "VFSCREEN_CASES" not in os.environ:
        say("Set VFSCREEN_CASES to the folder of the development cases.")
        return 2
    cases = Path(os.environ["VFSCREEN_CASES"])
    marked: list[MarkedBody] = []
    for name, volume, localiser in masked_cases(cases):
        found = localiser.locate(volume).vertebrae
        marked += beside_marks(name, localiser.mask, found, cases / "marks" / f"{name}.json")
    graded = list(graded_bodies(cases))
    write_tables(PAGE, tables(marked, graded))
    kept = {"marked": [asdict(row) for row in marked], "graded": [asdict(row) for row in graded]}
    (ROOT / "benchmarks/results/foreign_masks.json").write_text(json.dumps(kept, indent=1) + "\n")
    figures = {name: round(value, 3) for name, (value, _, _) in figures_of(marked).items()}
    print(json.dumps({"bodies_marked": len(marked), "bodies_graded": len(graded), **figures}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

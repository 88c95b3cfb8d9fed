"""The mid-sagittal picture of a screening."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from vfscreen.anatomy import Level
from vfscreen.export.picture import FOOT_PX, NARROWEST_PX, describe, draw_screening, write_picture
from vfscreen.findings import Finding, Screening, Suggestion, Vertebra
from vfscreen.genant import Grade
from vfscreen.volume import Volume


def suggestion(probabilities: tuple[float, float, float, float], *said: Grade) -> Suggestion:
    return Suggestion("grader-test", probabilities, said, np.zeros(128, np.float32))


def body(level: Level, z_mm: float, *, whole: bool = True, certain: bool = True) -> Vertebra:
    return Vertebra(level, certain, whole, np.array([0.0, 30.0, z_mm]), 0.9)


def block() -> Volume:
    """A block of 40 x 60 x 120 mm with a bright column that bends to the left on its way up."""
    voxels = np.full((40, 60, 120), -1000, np.int16)
    for k in range(120):
        left = 10 + k // 6
        voxels[left : left + 3, 28:33, k] = 1000
    return Volume(voxels, np.eye(4))


def test_the_sheet_follows_the_spine() -> None:
    centres = [np.array([11.0 + z / 6, 30.0, z]) for z in (20.0, 60.0, 100.0)]
    findings = tuple(
        Finding(Vertebra(level, True, True, centre, 0.9))
        for level, centre in zip((Level.L1, Level.T12, Level.T11), centres, strict=True)
    )
    picture = np.asarray(draw_screening(block(), Screening("x", None, findings)).convert("L"), float)
    bright_rows = (picture > 90).any(axis=1)
    assert bright_rows[30 : -40 - FOOT_PX].mean() > 0.95  # a flat plane would lose the column where it bends


def test_without_a_body_the_middle_plane_is_drawn() -> None:
    picture = draw_screening(block(), Screening("x", None))
    assert picture.size == (NARROWEST_PX, 238 + FOOT_PX)


def test_a_picture_is_written_as_png(tmp_path: Path) -> None:
    write_picture(block(), Screening("x", None), tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.format == "PNG"


def test_the_words_say_what_was_found() -> None:
    fracture = suggestion((0.05, 0.15, 0.7, 0.1), Grade.MODERATE)
    normal = suggestion((0.97, 0.02, 0.01, 0.0), Grade.NORMAL)
    unsure = suggestion((0.6, 0.3, 0.1, 0.0), Grade.NORMAL, Grade.MILD)
    t12 = body(Level.T12, 0.0)
    assert describe(Finding(t12, None, fracture))[0] == "T12: 2 fracture"
    assert describe(Finding(t12, None, normal))[0] == "T12: 0"
    assert describe(Finding(t12, None, unsure))[0] == "T12: unsure"
    assert describe(Finding(t12))[0] == "T12 not assessed"
    assert describe(Finding(body(Level.T12, 0.0, certain=False), None, normal))[0] == "T12?: 0"
    assert describe(Finding(body(Level.T12, 0.0, whole=False)))[0] == "T12 cut"


def test_two_colours_never_carry_the_difference_alone() -> None:
    words = {
        describe(Finding(body(Level.L1, 0.0), None, suggestion(p, s)))[0]
        for p, s in [
            ((0.9, 0.1, 0, 0), Grade.NORMAL),
            ((0.1, 0.9, 0, 0), Grade.MILD),
            ((0, 0, 0, 1.0), Grade.SEVERE),
        ]
    }
    assert len(words) == 3

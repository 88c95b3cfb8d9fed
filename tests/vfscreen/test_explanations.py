"""Explanations on disk, where they are kept, and the words for a place of a body."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.demo_bodies import demo_bodies
from tests.made_explanations import AXES, POINTS, affine, explanation
from vfscreen.errors import NotWritable
from vfscreen.explanations import (
    Across,
    Along,
    ExplanationShelf,
    Sheet,
    peak_of,
    read_explanation,
    where,
    write_explanation,
)  # fmt: skip
from vfscreen.genant import Grade, Reference, SixPoints
from vfscreen.reference_file import USUAL, ReferenceChoice


@pytest.mark.parametrize("unbroken", [True, False])
def test_what_was_written_comes_back(tmp_path: Path, unbroken: bool) -> None:
    written = explanation(unbroken=unbroken)
    write_explanation(tmp_path / "a" / "one.npz", written)
    found = read_explanation(tmp_path / "a" / "one.npz")
    assert (tmp_path / "a" / "one.npz").stat().st_size < 400_000
    for one, other in ((found.real, written.real), (found.saliency, written.saliency)):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.affine, other.affine)
        assert one.values.dtype == other.values.dtype
    np.testing.assert_array_equal(found.points.array(), POINTS.array())
    assert found.suggestion.probabilities == written.suggestion.probabilities
    assert found.why_not_unbroken == written.why_not_unbroken
    assert (found.unbroken is not None) == unbroken
    if found.unbroken is not None and written.unbroken is not None:
        np.testing.assert_array_equal(found.unbroken.sheet.values, written.unbroken.sheet.values)
        np.testing.assert_array_equal(found.unbroken.points.array(), written.unbroken.points.array())
        assert found.unbroken.suggestion.grade is Grade.NORMAL
        for name in ("missing_mm", "restored_mm", "by_points", "by_picture", "by_both"):
            assert getattr(found.unbroken, name) == getattr(written.unbroken, name)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotWritable):
        write_explanation(tmp_path / "file" / "one.npz", explanation())


def test_whatever_it_depends_on_is_in_the_key(tmp_path: Path) -> None:
    shelf = ExplanationShelf(tmp_path)
    bodies = demo_bodies()
    first = shelf.path("sha", "series", bodies, 3, USUAL)
    assert shelf.path("sha", "series", demo_bodies(), 3, USUAL) == first
    moved = replace(bodies[2], points=SixPoints.from_array(POINTS.array() + 0.1))
    others = [
        shelf.path("other", "series", bodies, 3, USUAL),
        shelf.path("sha", "other", bodies, 3, USUAL),
        shelf.path("sha", "series", bodies, 4, USUAL),
        shelf.path("sha", "series", [*bodies[:2], moved, *bodies[3:]], 3, USUAL),
    ]
    others.append(shelf.path("sha", "series", bodies, 3, ReferenceChoice(Reference.NEIGHBOURS)))
    assert len({first, *others}) == 6


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_what_is_not_there_or_damaged_is_made_again(tmp_path: Path, content: bytes | None) -> None:
    shelf = ExplanationShelf(tmp_path)
    path = shelf.path("sha", "series", demo_bodies(), 3, USUAL)
    assert shelf.open(path) is None
    write_explanation(path, explanation())
    assert shelf.open(path) is not None
    path.write_bytes(path.read_bytes()[:3000] if content is None else content)
    assert shelf.open(path) is None and not path.exists()


def test_the_oldest_go_first(tmp_path: Path) -> None:
    shelf = ExplanationShelf(tmp_path, kept_at_most=2)
    for age, name in enumerate(("new", "middle", "old")):
        path = tmp_path / f"{name}.npz"
        write_explanation(path, explanation())
        os.utime(path, (1000 - age, 1000 - age))
    shelf.make_room()
    assert sorted(path.stem for path in tmp_path.glob("*.npz")) == ["middle", "new"]


@pytest.mark.parametrize(
    ("posterior_mm", "superior_mm", "along", "across"),
    [
        (0, 0, Along.INSIDE, Across.MIDDLE),
        (-10, 11, Along.UPPER_ENDPLATE, Across.FRONT),
        (10, -13, Along.LOWER_ENDPLATE, Across.BACK),
        (0, 25, Along.ABOVE, Across.MIDDLE),
        (-22, -30, Along.BELOW, Across.IN_FRONT),
        (30, 0, Along.INSIDE, Across.BEHIND),
    ],
)
def test_a_place_has_words(posterior_mm: float, superior_mm: float, along: Along, across: Across) -> None:
    place = AXES.origin + posterior_mm * AXES.posterior + superior_mm * AXES.superior
    assert where(place, POINTS) == (along, across)


def test_the_peak_is_where_the_answer_changes_most_either_way() -> None:
    made = explanation()
    values = np.zeros((96, 64), np.float32)
    values[48 - 11, 26 - 10] = -2.0
    values[60, 40] = 1.0
    peak = peak_of(replace(made, saliency=Sheet(values, affine(1.0))))
    assert (peak.along, peak.across, peak.change) == (Along.UPPER_ENDPLATE, Across.FRONT, -2.0)

"""One rule says when slices are too thick for heights."""

from __future__ import annotations

import pytest

from vfscreen.thickness import thickness_warning, too_thick


@pytest.mark.parametrize(
    ("along_spine_mm", "thick"), [(0.0, False), (3.0, False), (3.04, False), (3.1, True)]
)
def test_three_millimetres_are_not_too_thick_even_when_rounded(along_spine_mm: float, thick: bool) -> None:
    assert too_thick(along_spine_mm) is thick
    assert bool(thickness_warning(along_spine_mm)) is thick

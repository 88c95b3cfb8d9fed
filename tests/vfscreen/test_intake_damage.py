"""Whatever a damaged file holds, it is read or refused in words; it never breaks the program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dicom_writer import Writing, small_ct, write_enhanced, write_series
from vfscreen.errors import RefusedInput
from vfscreen.findings import Refusal
from vfscreen.intake import LoadedSeries, judge, read_study
from vfscreen.volume import Volume

fuzz = settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
damage = st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def ct(demo_volume: Volume) -> Volume:
    return small_ct(demo_volume, slice(40, 44), 16)


def damaged(content: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    changed = bytearray(content)
    for place, written in changes:
        changed[place : place + len(written)] = written
    return bytes(changed)


def assert_read_or_refused(path: Path) -> None:
    refusal = None
    try:
        assert read_study(path).volume.voxels.min() >= -1024
    except RefusedInput as error:
        refusal = error
    if refusal is not None:
        assert "\n" not in str(refusal)
        assert all((refusal.what, refusal.where, refusal.todo))


@fuzz
@given(changes=damage)
def test_a_damaged_slice_is_read_or_refused(ct: Volume, tmp_path: Path, changes: list[tuple[int, bytes]]):
    files = write_series(tmp_path / "series", ct)
    files[1].write_bytes(damaged(files[1].read_bytes(), changes))
    assert_read_or_refused(tmp_path / "series")
    assert all(
        isinstance(one, LoadedSeries | Refusal) for one in judge([tmp_path], None, lambda what, share: None)
    )


@fuzz
@given(changes=damage)
def test_a_damaged_multi_frame_file_is_read_or_refused(
    ct: Volume, tmp_path: Path, changes: list[tuple[int, bytes]]
):
    write_enhanced(tmp_path / "whole", ct, Writing())
    (tmp_path / "broken").write_bytes(damaged((tmp_path / "whole").read_bytes(), changes))
    assert_read_or_refused(tmp_path / "broken")


@fuzz
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 352), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4
    )
)
def test_a_damaged_nifti_header_is_read_or_refused(
    ct: Volume, tmp_path: Path, changes: list[tuple[int, bytes]]
):
    import nibabel

    nibabel.save(
        nibabel.Nifti1Image(ct.voxels, np.diag([-1.0, -1.0, 1.0, 1.0]) @ ct.affine), tmp_path / "whole.nii"
    )
    (tmp_path / "broken.nii").write_bytes(damaged((tmp_path / "whole.nii").read_bytes(), changes))
    assert_read_or_refused(tmp_path / "broken.nii")


@fuzz
@given(share=st.floats(0.0, 1.0))
def test_a_slice_cut_anywhere_is_left_out_or_whole(ct: Volume, tmp_path: Path, share: float):
    files = write_series(tmp_path / "series", ct)
    content = files[0].read_bytes()
    kept = int(share * len(content))
    files[0].write_bytes(content[:kept])
    loaded = read_study(tmp_path / "series")
    assert loaded.facts.slices == (4 if kept == len(content) else 3)

"""A whole tree is judged series by series: what is good comes out, the rest is named with its reason."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.dicom_writer import Writing, cut, small_ct, write_series
from vfscreen.errors import UnreadableFile
from vfscreen.findings import Refusal
from vfscreen.intake import LoadedSeries, Pseudonyms, judge, read_study
from vfscreen.intake.nifti import write_nifti
from vfscreen.volume import Volume

KEY = b"k" * 32


@pytest.fixture(scope="module")
def ct(demo_volume: Volume) -> Volume:
    return small_ct(demo_volume, slice(40, 52))


def silent(what: str, share: float) -> None:
    pass


def split(judged: Iterator[LoadedSeries | Refusal]) -> tuple[list[LoadedSeries], dict[str, str]]:
    results = list(judged)
    taken = [one for one in results if isinstance(one, LoadedSeries)]
    return taken, {Path(one.where).name: one.reason for one in results if isinstance(one, Refusal)}


def test_the_good_series_comes_out_and_everything_else_is_named(ct: Volume, tmp_path: Path):
    files = write_series(tmp_path, ct)
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7 findings")
    (tmp_path / "nothing").touch()
    (tmp_path / "copy_that_broke.dcm").write_bytes(files[3].read_bytes())
    cut(tmp_path / "copy_that_broke.dcm")
    taken, refused = split(judge([tmp_path], None, silent))
    assert [one.facts.slices for one in taken] == [12]
    assert refused == {
        "report.pdf": "not a CT but a PDF",
        "nothing": "the file is empty",
        "copy_that_broke.dcm": "a DICOM file that is damaged or cut short",
    }


def test_each_series_is_judged_on_its_own(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "a", ct, Writing(patient="a"))
    write_series(tmp_path / "b", ct, Writing(patient="b"))
    write_series(tmp_path / "b", ct, Writing(patient="b", series="lung", number=2), name=lambda k: f"lung{k}")
    write_series(tmp_path / "c", ct, Writing(patient="c"))[4].unlink()
    write_series(tmp_path / "mr", ct, Writing(patient="d", modality="MR"))
    nibabel.save(nibabel.Nifti1Image(ct.voxels, np.eye(4)), tmp_path / "e.nii.gz")
    nibabel.save(nibabel.Nifti1Image((ct.voxels > 0).astype(np.uint8), np.eye(4)), tmp_path / "mask.nii.gz")
    taken, refused = split(judge([tmp_path], None, silent))
    assert [one.source.name for one in taken] == ["a", "b", "b", "e.nii.gz"]
    reasons = sorted(reason.split(":")[0] for reason in refused.values())
    assert reasons == [
        "labels or a grey picture, not CT values (they run from 0 to 1)", "not a CT", "slices are missing",
    ]  # fmt: skip


def test_a_series_that_is_scattered_over_folders_and_paths_is_put_together(ct: Volume, tmp_path: Path):
    for k, path in enumerate(write_series(tmp_path / "all", ct)):
        target = tmp_path / f"part{k % 3}" / path.name
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    paths = [tmp_path / f"part{k}" for k in range(3)]
    taken, refused = split(judge([*paths, paths[0], next(paths[1].iterdir())], None, silent))
    assert [one.facts.slices for one in taken] == [12]
    assert taken[0].source == tmp_path
    assert refused == {}


def test_many_files_with_the_same_fault_share_a_line(tmp_path: Path):
    for k in range(40):
        (tmp_path / f"page{k:02d}.jpg").write_bytes(b"\xff\xd8\xff")
    for k in range(3):
        (tmp_path / f"empty{k}").touch()
    results = list(judge([tmp_path], None, silent))
    assert results == [
        *(Refusal(str(tmp_path / f"empty{k}"), "the file is empty", "copy it again") for k in range(3)),
        Refusal(f"{tmp_path / 'page00.jpg'} and 39 more files", "not a CT but a .jpg file"),
    ]


def test_an_empty_folder_is_refused(tmp_path: Path):
    (refused,) = judge([tmp_path], None, silent)
    assert isinstance(refused, Refusal)
    assert (refused.where, refused.reason) == (str(tmp_path), "no CT here")


def test_a_path_that_is_not_there_is_refused(tmp_path: Path):
    assert list(judge([tmp_path / "gone"], None, silent)) == [
        Refusal(
            str(tmp_path / "gone"), "there is no such file or folder", "check the path and your rights to it"
        )
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes any bytes for a name")
def test_a_name_in_another_encoding_is_refused_before_the_store_fails_on_it(ct: Volume, tmp_path: Path):
    old = Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller"))
    write_series(old, ct)
    taken, refused = split(judge([tmp_path], None, silent))
    assert taken == []
    assert set(refused.values()) == {"its name is no text in this system's encoding (rename it)"}
    with pytest.raises(UnreadableFile, match="rename it"):
        read_study(old)


def test_the_next_series_is_read_only_when_it_is_asked_for(ct: Volume, tmp_path: Path):
    for k in range(3):
        write_series(tmp_path / f"{k}", ct, Writing(patient=f"p{k}"))
    judged = judge([tmp_path], None, silent)
    assert isinstance(next(judged), LoadedSeries)
    for path in (tmp_path / "1").iterdir():
        cut(path, 0.9)
    second = next(judged)
    assert isinstance(second, Refusal)
    assert "damaged or cut short" in second.reason
    assert isinstance(next(judged), LoadedSeries)


def test_a_folder_that_vanishes_on_the_way_is_said_file_by_file(ct: Volume, tmp_path: Path):
    """As when a stick is pulled while its series are read."""
    write_series(tmp_path / "first", ct)
    write_series(tmp_path / "second", ct, Writing(series="second"))
    write_nifti(ct, tmp_path / "third.nii.gz")
    judged = judge([tmp_path], None, silent)
    assert isinstance(next(judged), LoadedSeries)
    shutil.rmtree(tmp_path)
    assert [one.reason.split(" (")[0] for one in judged if isinstance(one, Refusal)] == [
        "the file cannot be read",
        "the file cannot be read",
    ]


def test_progress_is_told_from_nought_to_one(ct: Volume, tmp_path: Path):
    for k in range(2):
        write_series(tmp_path / f"{k}", ct, Writing(patient=f"p{k}", description=f"scan {k}"))
    told: list[tuple[str, float]] = []
    list(judge([tmp_path], None, lambda what, share: told.append((what, share))))
    assert told == [("looking at files", 0.0), ("series 1 scan 0", 0.0), ("series 1 scan 1", 0.5)]


def test_the_header_of_a_raw_file_speaks_for_it(tmp_path: Path, ct: Volume):
    import SimpleITK

    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(ct.voxels), str(tmp_path / "ct.mhd"))
    taken, refused = split(judge([tmp_path], None, silent))
    assert [one.files[0].name for one in taken] == ["ct.mhd"]
    assert refused == {}


def test_patients_keep_their_pseudonym_over_series_and_differ_from_each_other(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "1", ct, Writing(patient="MUELLER"))
    write_series(tmp_path / "2", ct, Writing(patient="MUELLER", study="later"))
    write_series(tmp_path / "3", ct, Writing(patient="MEIER"))
    write_series(tmp_path / "4", ct, Writing(patient="", study="x"))
    write_series(tmp_path / "5", ct, Writing(patient="", study="y"))
    nibabel.save(nibabel.Nifti1Image(ct.voxels, np.eye(4)), tmp_path / "a.nii.gz")
    taken, _ = split(judge([tmp_path], Pseudonyms(KEY), silent))
    names = [one.facts.pseudonym for one in taken]
    assert names[0] == names[1]
    assert len(set(names)) == 5
    assert names[5] == taken[5].facts.sha256


def test_a_patient_that_is_given_stands_for_all(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "1", ct, Writing(patient="MUELLER"))
    nibabel.save(nibabel.Nifti1Image(ct.voxels, np.eye(4)), tmp_path / "a.nii.gz")
    taken, _ = split(judge([tmp_path], Pseudonyms(KEY, "study 17"), silent))
    assert len({one.facts.pseudonym for one in taken}) == 1
    assert "study 17" not in taken[0].facts.pseudonym

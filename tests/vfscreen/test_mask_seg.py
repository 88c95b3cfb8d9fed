"""DICOM SEG: segments by code or text, of this patient and this frame of reference, else refused in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from highdicom.seg import (
    SegmentationTypeValues,
)
from pydicom import Dataset
from pydicom.sr.coding import Code

from tests.dicom_writer import Writing, cut, write_series
from tests.made_spine import MadeSpine, made_spine, save_mask
from tests.seg_writer import CODES, VERTEBRA, by_code, by_text, save_seg
from vfscreen.anatomy import Level
from vfscreen.errors import MaskMismatch, UnevenSlices, UnreadableFile
from vfscreen.intake import LoadedSeries, read_study
from vfscreen.masks import MaskKind, MaskSet
from vfscreen.masks.dicom_seg import check_belonging, series_of_mask
from vfscreen.masks.reading import read_mask
from vfscreen.volume import reorient


@pytest.fixture(scope="module")
def spine() -> MadeSpine:
    return made_spine((Level.L1, Level.L2, Level.L3))


@pytest.fixture(scope="module")
def series(spine: MadeSpine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spine's CT as DICOM slices."""
    folder = tmp_path_factory.mktemp("ct")
    write_series(folder, reorient(spine.ct, (2, 1, 0), (1, 1, 1)))
    return folder


@pytest.fixture(scope="module")
def loaded(series: Path) -> LoadedSeries:
    return read_study(series)


def read(path: Path, loaded: LoadedSeries) -> MaskSet:
    return read_mask(path, MaskKind.AUTO, loaded)


def on_the_series(spine: MadeSpine) -> np.ndarray:
    """The mask in the order of the series' array."""
    return reorient(spine.mask, (2, 1, 0), (1, 1, 1)).voxels


@pytest.mark.parametrize("named", [by_code, by_text])
def test_segments_are_known_by_code_or_by_text(
    named: Callable[[Level], tuple[str, Code]],
    spine: MadeSpine,
    series: Path,
    loaded: LoadedSeries,
    tmp_path: Path,
) -> None:
    mask = read(save_seg(spine, series, tmp_path / "seg.dcm", named), loaded)
    assert mask.form == "dicom-seg" and mask.warnings == ()
    assert (reorient(mask.labels, (2, 1, 0), (1, 1, 1)).voxels == on_the_series(spine)).all()


def test_the_segmentation_may_be_alone_in_a_folder(
    spine: MadeSpine, series: Path, loaded: LoadedSeries, tmp_path: Path
) -> None:
    save_seg(spine, series, tmp_path / "seg.dcm")
    (tmp_path / "README").write_text("made by tests", encoding="utf-8")
    assert read(tmp_path, loaded).form == "dicom-seg"
    save_seg(spine, series, tmp_path / "again.dcm")
    with pytest.raises(MaskMismatch, match="2 DICOM segmentations in this folder"):
        read(tmp_path, loaded)


def test_segments_of_other_things_are_passed_over(
    spine: MadeSpine, series: Path, loaded: LoadedSeries, tmp_path: Path
) -> None:
    def named(level: Level) -> tuple[str, Code]:
        return ("liver", Code("10200004", "SCT", "Liver")) if level is Level.L2 else by_text(level)

    mask = read(save_seg(spine, series, tmp_path / "seg.dcm", named), loaded)
    assert np.unique(mask.labels.voxels).tolist() == [0, 20, 22]


def changed(**values: str) -> Callable[[Dataset], None]:
    def change(content: Dataset) -> None:
        for keyword, value in values.items():
            setattr(content, keyword, value)

    return change


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"PatientID": "somebody else"}, "of another patient"),
        ({"FrameOfReferenceUID": "1.2.3.4"}, "another frame of reference"),
    ],
)
def test_a_segmentation_of_somebody_or_something_else_is_refused(
    values: Mapping[str, str],
    words: str,
    spine: MadeSpine,
    series: Path,
    loaded: LoadedSeries,
    tmp_path: Path,
) -> None:
    path = save_seg(spine, series, tmp_path / "seg.dcm", change=changed(**values))
    with pytest.raises(MaskMismatch, match=words) as refused:
        read(path, loaded)
    assert refused.value.todo == "give the segmentation of this very CT"


def test_one_of_another_series_in_the_same_frame_is_taken_and_said(
    spine: MadeSpine, series: Path, loaded: LoadedSeries, tmp_path: Path
) -> None:
    def change(content: Dataset) -> None:
        content.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3.4"

    mask = read(save_seg(spine, series, tmp_path / "seg.dcm", change=change), loaded)
    assert mask.warnings == ("the segmentation was made on another series of the same frame of reference",)


def in_another_study(content: Dataset) -> None:
    """Moves the reference to where those to series of other studies stand."""
    other = Dataset()
    other.StudyInstanceUID = "1.2.3"
    other.ReferencedSeriesSequence = content.ReferencedSeriesSequence
    content.StudiesContainingOtherReferencedInstancesSequence = [other]
    del content.ReferencedSeriesSequence


@pytest.fixture
def two_series(spine: MadeSpine, tmp_path: Path) -> Path:
    """A folder with two series of one grid; the second is the one that is chosen for reading bone."""
    axial = reorient(spine.ct, (2, 1, 0), (1, 1, 1))
    write_series(tmp_path / "study" / "soft", axial, Writing(series="soft", number=2, kernel="B20f"))
    write_series(tmp_path / "study" / "bone", axial, Writing(series="bone", number=3, kernel="B70f"))
    return tmp_path / "study"


@pytest.mark.parametrize("change", [lambda _: None, in_another_study])
def test_the_series_that_a_segmentation_was_made_on_goes_before_better_ones(
    change: Callable[[Dataset], None], spine: MadeSpine, two_series: Path, tmp_path: Path
) -> None:
    path = save_seg(spine, two_series / "soft", tmp_path / "seg.dcm", change=change)
    assert read_study(two_series).facts.uid == Writing(series="bone").series_uid
    chosen = read_study(two_series, wanted=series_of_mask(path))
    assert chosen.facts.uid == Writing(series="soft").series_uid
    assert chosen.warnings[0].startswith("chosen of 2 series, the one that the mask was made on: ")
    assert read(path, chosen).warnings == ()


def test_a_series_that_is_wanted_and_cannot_be_read_is_refused_for_its_own_fault(two_series: Path) -> None:
    sorted((two_series / "soft").iterdir())[8].unlink()
    with pytest.raises(UnevenSlices):
        read_study(two_series, wanted=[Writing(series="soft").series_uid])


def test_without_the_series_that_is_wanted_the_best_is_chosen(two_series: Path) -> None:
    assert read_study(two_series, wanted=["1.2.3"]).facts.uid == Writing(series="bone").series_uid


def test_masks_in_other_forms_name_no_series(
    spine: MadeSpine, series: Path, loaded: LoadedSeries, tmp_path: Path
) -> None:
    assert series_of_mask(None) == frozenset()
    assert series_of_mask(save_mask(spine.mask, tmp_path / "mask.nii.gz")) == frozenset()
    assert series_of_mask(tmp_path / "nowhere") == frozenset()
    (tmp_path / "seg").mkdir()
    path = save_seg(spine, series, tmp_path / "seg" / "seg.dcm")
    assert series_of_mask(path) == series_of_mask(path.parent) == {loaded.facts.uid}
    cut(path, 0.1)
    assert series_of_mask(path) == frozenset()


def test_a_segmentation_without_a_frame_of_reference_belongs_to_the_series_that_it_names(
    loaded: LoadedSeries,
) -> None:
    seg = Dataset()
    seg.PatientID = "patient 1"
    seg.ReferencedSeriesSequence = [Dataset()]
    seg.ReferencedSeriesSequence[0].SeriesInstanceUID = loaded.facts.uid
    assert check_belonging(seg, loaded, Path("seg.dcm")) == ()
    seg.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3"
    (said,) = check_belonging(seg, loaded, Path("seg.dcm"))
    assert "only its grid says that it is of this CT" in said


def test_for_a_ct_without_tags_the_grid_alone_speaks_and_that_is_said(
    spine: MadeSpine, series: Path, tmp_path: Path
) -> None:
    path = save_seg(spine, series, tmp_path / "seg.dcm")
    mask = read(path, spine.loaded())
    assert (mask.labels.voxels == spine.mask.voxels).all()
    assert any("only its grid says" in sentence for sentence in mask.warnings)


def test_one_of_another_place_in_the_frame_is_refused(
    spine: MadeSpine, loaded: LoadedSeries, tmp_path: Path
) -> None:
    affine = spine.ct.affine.copy()
    affine[2, 3] += 600.0
    far = MadeSpine(
        ct=type(spine.ct)(spine.ct.voxels, affine),
        mask=type(spine.mask)(spine.mask.voxels, affine),
        centres=spine.centres,
    )
    write_series(tmp_path / "far", reorient(far.ct, (2, 1, 0), (1, 1, 1)), Writing(series="far"))
    path = save_seg(far, tmp_path / "far", tmp_path / "seg.dcm")
    with pytest.raises(MaskMismatch, match="lies outside the CT"):
        read(path, loaded)


def test_probabilities_are_refused(
    spine: MadeSpine, series: Path, loaded: LoadedSeries, tmp_path: Path
) -> None:
    path = save_seg(spine, series, tmp_path / "seg.dcm", kind=SegmentationTypeValues.FRACTIONAL)
    with pytest.raises(MaskMismatch, match="holds probabilities"):
        read(path, loaded)


def test_without_a_vertebra_the_segments_are_listed(
    spine: MadeSpine, series: Path, loaded: LoadedSeries, tmp_path: Path
) -> None:
    path = save_seg(spine, series, tmp_path / "seg.dcm", lambda level: (f"organ {level.rank}", VERTEBRA))
    with pytest.raises(MaskMismatch, match=r"no segment is a vertebra \(organ 20, organ 21, organ 22\)"):
        read(path, loaded)


def test_code_and_text_that_contradict_each_other_are_refused(
    spine: MadeSpine, series: Path, loaded: LoadedSeries, tmp_path: Path
) -> None:
    path = save_seg(spine, series, tmp_path / "seg.dcm", lambda level: ("T11", CODES[level]))
    with pytest.raises(MaskMismatch, match="segment 1 is called T11 but coded as L1"):
        read(path, loaded)


def test_one_cut_short_is_refused(
    spine: MadeSpine, series: Path, loaded: LoadedSeries, tmp_path: Path
) -> None:
    path = save_seg(spine, series, tmp_path / "seg.dcm")
    cut(path, 0.6)
    with pytest.raises(UnreadableFile, match="segmentation is damaged or cut short"):
        read(path, loaded)


def test_a_slice_of_the_ct_is_no_segmentation(series: Path, loaded: LoadedSeries) -> None:
    with pytest.raises(MaskMismatch, match="no segmentation: CT Image Storage"):
        read(next(series.iterdir()), loaded)


def test_a_text_is_no_segmentation(loaded: LoadedSeries, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("L1 to L5", encoding="utf-8")
    with pytest.raises(UnreadableFile, match="damaged or cut short"):
        read(tmp_path / "notes.txt", loaded)

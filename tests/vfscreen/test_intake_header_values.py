"""What single header values may say: nonsense that matters is refused, what nothing hangs on is passed over."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from tests.dicom_writer import small_ct, write_series
from vfscreen.errors import NothingToScreen, UnsupportedGeometry
from vfscreen.intake import read_study
from vfscreen.volume import Volume


@pytest.fixture(scope="module")
def ct(demo_volume: Volume) -> Volume:
    return small_ct(demo_volume, slice(40, 45))


def write_with_value(folder: Path, ct: Volume, tag: int, kind: str, value: bytes) -> None:
    """Writes a series whose slices hold the bytes `value` under a tag, whatever the standard says of it."""
    for path in write_series(folder, ct):
        dataset = pydicom.dcmread(path)
        dataset[tag] = RawDataElement(Tag(tag), kind, len(value), value, 0, False, True)
        dataset.save_as(path)


@pytest.mark.parametrize("value", [b"one ", b"nan ", b"1\\1 "])
def test_a_rescale_slope_that_is_no_number_is_not_guessed(ct: Volume, tmp_path: Path, value: bytes):
    write_with_value(tmp_path, ct, 0x00281053, "DS", value)
    with pytest.raises(NothingToScreen, match="damaged or cut short"):
        read_study(tmp_path)


@pytest.mark.parametrize(
    ("tag", "kind", "value"),
    [
        (0x00200032, "DS", b"nan\\nan\\nan "), (0x00200037, "DS", b"nan\\0\\0\\0\\1\\0"),
        (0x00280030, "DS", b"inf\\1 "), (0x00280030, "DS", b"0.0001\\0.0001 "),
    ],
)  # fmt: skip
def test_places_and_sizes_that_no_slice_has_are_refused(
    ct: Volume, tmp_path: Path, tag: int, kind: str, value: bytes
):
    write_with_value(tmp_path, ct, tag, kind, value)
    with pytest.raises(UnsupportedGeometry, match=r"do not say where they lie|the header gives voxels of"):
        read_study(tmp_path)


@pytest.mark.parametrize(
    ("tag", "kind", "value"),
    [
        (0x00180050, "DS", b"inf "), (0x00180060, "DS", b"nan "), (0x00200011, "IS", b"one "),
        (0x00101010, "AS", b"\xb2\xb2\xb2Y"), (0x00080020, "DA", b"\xb2026\xb2\xb2\xb2\xb2"),
    ],
)  # fmt: skip
def test_a_value_that_nothing_hangs_on_may_be_nonsense(
    ct: Volume, tmp_path: Path, tag: int, kind: str, value: bytes
):
    write_with_value(tmp_path, ct, tag, kind, value)
    facts = read_study(tmp_path).facts
    assert (facts.slices, facts.thickness_mm) == (5, 2.5)


def test_a_number_too_large_for_any_header_is_damage_and_no_fault_of_ours(ct: Volume, tmp_path: Path):
    write_with_value(tmp_path, ct, 0x00200011, "IS", b"1e400 ")
    with pytest.raises(NothingToScreen, match="damaged or cut short"):
        read_study(tmp_path)


def test_a_description_of_several_parts_reads_as_one_line(ct: Volume, tmp_path: Path):
    write_with_value(tmp_path, ct, 0x0008103E, "LO", b"L-SPINE\\1.0 ")
    assert read_study(tmp_path).facts.description == "L-SPINE 1.0"

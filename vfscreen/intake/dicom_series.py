"""DICOM series: grouped from their slices, judged by their headers, then read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydicom.uid import UID

from vfscreen.errors import NotACt, NotHounsfield
from vfscreen.findings import SeriesFacts
from vfscreen.intake.headers import CT_CLASSES, SeriesTags, SliceHeader
from vfscreen.intake.hounsfield import check_hounsfield
from vfscreen.intake.loaded import LoadedSeries
from vfscreen.intake.pixels import read_voxels
from vfscreen.intake.size import check_size
from vfscreen.intake.stack import Stack, stack_of
from vfscreen.thickness import thickness_warning
from vfscreen.volume import Volume

_NOT_SLICES = {
    "LOCALIZER": "a scout view",
    "MIP": "a maximum intensity projection",
    "MINIP": "a minimum intensity projection",
    "MAXIMUM": "a maximum intensity projection",
    "MINIMUM": "a minimum intensity projection",
    "PROJECTION IMAGE": "a projection",
    "SCREEN SAVE": "a picture of a screen",
    "VOLUME_RENDERED": "a rendering",
}
"""Parts of ImageType that say: not the slices themselves."""


@dataclass(frozen=True, slots=True)
class DicomSeries:
    """The slices that share a SeriesInstanceUID, in the order they were found."""

    tags: SeriesTags
    slices: tuple[SliceHeader, ...]

    @property
    def name(self) -> str:
        """How a person would point at it: number and description."""
        number = "" if self.tags.series_number is None else f" {self.tags.series_number}"
        return f"series{number} {self.tags.description}".rstrip()

    @property
    def where(self) -> str:
        """The folder of its first slice, with its name; a single file by itself."""
        files = {header.path for header in self.slices}
        first = self.slices[0].path
        return str(first) if len(files) == 1 else f"{first.parent} ({self.name}, {len(files)} files)"


def group(slices: Iterable[SliceHeader]) -> list[DicomSeries]:
    """Groups slices into series, by patient, study and series; without a series UID, by folder."""
    groups: dict[tuple[str, ...], list[SliceHeader]] = {}
    for header in slices:
        tags = header.tags
        last = tags.series_uid or str(header.path.parent)
        groups.setdefault((tags.issuer, tags.patient_id, tags.study_uid, last), []).append(header)
    return [DicomSeries(members[0].tags, tuple(members)) for members in groups.values()]


def check_ct(series: DicomSeries) -> None:
    """Looks at what the headers call the series.

    Raises:
        NotACt: another modality, a scout, a projection or a picture of a screen.
        NotHounsfield: its values are declared to be something else.
    """
    tags, first = series.tags, series.slices[0]
    if tags.modality not in ("CT", ""):
        raise NotACt(f"not a CT: its modality is {tags.modality}", series.where, "give a CT series")
    if tags.sop_class and tags.sop_class not in CT_CLASSES:
        raise NotACt(f"not CT slices but {UID(tags.sop_class).name}", series.where, "give a CT series")
    kinds = [_NOT_SLICES[part] for part in first.image_type if part in _NOT_SLICES]
    if kinds and all(set(header.image_type) & set(_NOT_SLICES) for header in series.slices):
        raise NotACt(f"not CT slices but {kinds[0]}", series.where, "give the axial slices")
    if first.rescale_type not in ("HU", "US", "", "HU_MOD"):
        raise NotHounsfield(
            f"the values are declared as {first.rescale_type}, not Hounsfield units",
            series.where,
            "give a CT",
        )


def stack_series(series: DicomSeries) -> Stack:
    """Checks everything that headers can tell, and returns the stack.

    Raises:
        RefusedInput: the series cannot be screened.
    """
    check_ct(series)
    return stack_of(_slices_proper(series.slices), series.where)


def _slices_proper(slices: Sequence[SliceHeader]) -> list[SliceHeader]:
    return [header for header in slices if not set(header.image_type) & set(_NOT_SLICES)]


def load(series: DicomSeries, stack: Stack, pseudonym: str) -> LoadedSeries:
    """Decodes a stack.

    Raises:
        UnreadableFile: a file's pixels are damaged. NotHounsfield: the values are something else.
        NothingToScreen: nothing in it is as dense as bone. UnsupportedGeometry: no CT has such voxels.
    """
    volume = Volume(read_voxels(stack.slices), stack.affine)
    files = tuple(dict.fromkeys(header.path for header in stack.slices))
    check_size(volume, series.where)
    check_hounsfield(volume, series.where)
    lossy = ("the pictures were compressed with loss",) if any(h.lossy for h in stack.slices) else ()
    return LoadedSeries(
        volume=volume,
        facts=_facts(series.tags, stack, volume, pseudonym),
        warnings=(*stack.warnings, *lossy, *thickness_warning(stack.thickness_mm)),
        files=files,
    )


def _facts(tags: SeriesTags, stack: Stack, volume: Volume, pseudonym: str) -> SeriesFacts:
    first, second, third = (float(value) for value in volume.spacing_mm)
    return SeriesFacts(
        kind="dicom",
        uid=tags.series_uid,
        study_uid=tags.study_uid,
        description=tags.description,
        modality="CT",
        kernel=tags.kernel,
        spacing_mm=(first, second, third),
        slices=len(stack.slices),
        thickness_mm=stack.thickness_mm,
        along_spine_mm=stack.thickness_mm,  # the stack is axial
        kilovolt=tags.kilovolt,
        age_years=tags.age_years,
        sex=tags.sex,
        study_date=tags.study_date,
        pseudonym=pseudonym,
    )

"""The door for masks: a file or a folder, in whatever form, becomes levels on the grid of its CT, or is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vfscreen.anatomy import ASSESSED, Level
from vfscreen.errors import MaskMismatch, UnreadableFile
from vfscreen.intake import LoadedSeries
from vfscreen.intake.survey import why_missing
from vfscreen.intake.volume_file import kind_of
from vfscreen.masks.bodies import boxes_of
from vfscreen.masks.dicom_seg import is_dicom_seg, read_dicom_seg
from vfscreen.masks.grid import onto_grid
from vfscreen.masks.label_file import names_in, read_label_file
from vfscreen.masks.mask_set import MaskSet
from vfscreen.masks.numbering import MaskKind, numbering_of
from vfscreen.masks.on_bone import check_on_bone
from vfscreen.masks.places import places_of
from vfscreen.masks.structure_folder import read_structures, structures_in
from vfscreen.volume import Volume, slice_distance_mm


def read_mask(path: Path, kind: MaskKind, loaded: LoadedSeries) -> MaskSet:
    """Reads the mask of a CT: a file of labels, a folder with a file a structure, or a DICOM SEG (file or folder).

    `kind` says how the numbers of a file of labels are to be read; the other forms name their vertebrae.

    Raises:
        MaskMismatch: it is no mask of vertebrae, or not of this CT. RefusedInput: a file cannot be read.
    """
    missing = why_missing(path)
    if missing:
        raise UnreadableFile(f"the mask: {missing}", str(path), "check the path and your rights to it")
    if path.is_dir():
        return _read_folder(path, loaded)
    if kind_of(path) is not None:
        return _read_labels(path, kind, loaded)
    return _read_seg(path, loaded)


def _read_labels(path: Path, kind: MaskKind, loaded: LoadedSeries) -> MaskSet:
    numbers = read_label_file(path)
    places = places_of(numbers)
    if not places:
        raise MaskMismatch("the mask is empty", str(path), "give a mask with vertebrae in it")
    numbering = numbering_of(places, names_in(path), kind, str(path))
    table = np.zeros(max(places) + 1, np.int16)
    for number in places:
        table[number] = numbering.levels.get(number, 0)
    labels, said = onto_grid(Volume(table[numbers.voxels], numbers.affine), loaded.volume, str(path))
    return _checked(MaskSet(labels, numbering.form, slice_distance_mm(numbers), said), loaded, path)


def _read_folder(folder: Path, loaded: LoadedSeries) -> MaskSet:
    files = structures_in(folder)
    if files:
        labels, voxel_mm, said = read_structures(files, loaded.volume)
        return _checked(MaskSet(labels, "structures", voxel_mm, said), loaded, folder)
    segmentations = [path for path in sorted(folder.iterdir()) if path.is_file() and is_dicom_seg(path)]
    if len(segmentations) == 1:
        return _read_seg(segmentations[0], loaded)
    what = f"{len(segmentations)} DICOM segmentations" if segmentations else "no mask of a vertebra"
    raise MaskMismatch(
        f"{what} in this folder",
        str(folder),
        "give one file, or a folder with files such as vertebrae_L1.nii.gz",
    )


def _read_seg(path: Path, loaded: LoadedSeries) -> MaskSet:
    labels, said = read_dicom_seg(path, loaded)
    placed, more = onto_grid(labels, loaded.volume, str(path), part=True)
    return _checked(MaskSet(placed, "dicom-seg", slice_distance_mm(labels), (*said, *more)), loaded, path)


def _checked(mask: MaskSet, loaded: LoadedSeries, path: Path) -> MaskSet:
    """Refuses a mask without a thoracic or lumbar vertebra, and one that does not lie on the bones of the CT."""
    present = {Level(number) for number in boxes_of(mask.labels)}
    if present.isdisjoint(ASSESSED):
        held = ", ".join(str(level) for level in sorted(present, key=lambda level: level.rank)) or "nothing"
        raise MaskMismatch(
            f"the mask holds no thoracic or lumbar vertebra ({held})", str(path), "give a mask with T1 to L5"
        )
    check_on_bone(mask.labels, loaded.volume, str(path))
    return mask

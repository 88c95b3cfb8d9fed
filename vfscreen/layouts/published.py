"""The layout of the published data set: CTs, masks of the same names, and `annotation.yaml` with the grades.

Source: wxwxwwxxx/VertebralFractureGrading, dataset/README.md. The archive's folder names are not documented: a mask is
the file of a CT's name that lies in a folder called after segmentations, or carries `_seg` at its end.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from vfscreen.errors import UnreadableFile
from vfscreen.findings import Refusal
from vfscreen.layouts.labelled import LabelledScan, LabelledSet, read_grades

ANNOTATION = "annotation.yaml"
READER = "published data set (Wei et al. 2022)"
NIFTI = (".nii.gz", ".nii")
_OF_MASKS = re.compile(r"seg|mask|msk|label", re.IGNORECASE)
_MASK_SUFFIX = re.compile(r"_(seg|mask|msk|label)$", re.IGNORECASE)


def is_published_layout(folder: Path) -> bool:
    """Says whether the folder holds the grades of the published data set."""
    return (folder / ANNOTATION).is_file()


def read_published_layout(folder: Path) -> LabelledSet:
    """Reads which CT has which mask and grades.

    A CT without annotation is taken without grades; one without mask, and an annotation without CT, are faults.

    Raises:
        UnreadableFile: `annotation.yaml` is no mapping of file names to grades.
    """
    annotation = folder / ANNOTATION
    said = {_stem(name): grades for name, grades in _annotated(annotation).items()}
    cts, masks = _files(folder)
    faults = [
        Refusal(f"{annotation}: {name}", "graded, but there is no such CT", "copy the CT of this name")
        for name in sorted(said.keys() - cts.keys())
    ]
    scans = []
    for name, ct in sorted(cts.items()):
        grades, wrong = read_grades(said.get(name, {}).items(), f"{annotation}: {name}")
        faults += wrong
        if name not in masks:
            faults.append(Refusal(str(ct), "there is no mask of this CT", "copy the mask of the same name"))
        scans.append(LabelledScan(name, name, ct, masks.get(name), grades=grades))
    return LabelledSet(READER, tuple(scans), tuple(faults))


def _annotated(path: Path) -> dict[str, Mapping[object, object]]:
    import yaml  # only who has this data set needs it

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UnreadableFile(
            f"the grades cannot be read ({error})".replace("\n", " "), str(path), "copy it again"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(grades, dict) for grades in content.values()):
        raise UnreadableFile(
            "the grades are no mapping of CT files to labels and grades", str(path), "copy it again"
        )
    return {str(name): grades for name, grades in content.items()}


def _files(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Returns CTs and masks by the CT's name."""
    cts: dict[str, Path] = {}
    masks: dict[str, Path] = {}
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.name.lower().endswith(NIFTI):
            by_name[_stem(path.name)].append(path)
    for name, paths in by_name.items():
        for path in paths:
            if _MASK_SUFFIX.search(name):
                masks.setdefault(_MASK_SUFFIX.sub("", name), path)
            elif any(_OF_MASKS.search(part) for part in path.relative_to(folder).parts[:-1]):
                masks.setdefault(name, path)
            else:
                cts.setdefault(name, path)
    return cts, masks


def _stem(name: str) -> str:
    for suffix in NIFTI:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name

"""VerSe's centroids in both of their conventions, taken to patient space."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfscreen.anatomy import Level
from vfscreen.errors import UnreadableFile
from vfscreen.layouts.labelled import level_of_label
from vfscreen.volume import Volume, reorient

Float = NDArray[np.float64]

_PATIENT_AXIS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
"""Patient axis that an axis code points along, and in which direction."""

_CHALLENGE = ("P", "I", "R")
"""The frame of the challenges: its origin is anterior, superior, left (ASL), so its axes run to P, I and R."""

_IN_MILLIMETRES = "iso-ctd.json"


def read_centroids(path: Path, volume: Volume) -> dict[Level, Float]:
    """Returns the centre of each vertebra of a CT, (3,) LPS mm; centres that are no numbers are left out.

    A first element "direction" says that they are voxels of the CT turned to these axes (the layout by subject);
    without it, and in every `iso-ctd.json`, they are millimetres from the anterior superior left corner (the
    challenges).

    Raises:
        UnreadableFile: the file is no list of centroids.
    Source: the wikis of osf.io/4skx2 (by subject) and osf.io/b2wxj (challenge).
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        codes, rows = _directions(content), list(_rows(content))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableFile("this is no list of centroids", str(path), "copy it again") from error
    if codes and not path.name.endswith(_IN_MILLIMETRES):
        turned = _turned(volume, codes)
        return {level: turned.lps_of(place) for level, place in rows}
    turned = _turned(volume, _CHALLENGE)
    return {level: turned.lps_of(place_mm / turned.spacing_mm) for level, place_mm in rows}


def _directions(content: Any) -> tuple[str, ...]:
    """Returns the axis codes of the first element; empty where there are none."""
    codes = tuple(str(code) for one in content for code in one.get("direction", ()))
    if codes and sorted(_PATIENT_AXIS[code][0] for code in codes) != [0, 1, 2]:
        raise ValueError(f"{codes} are no directions")
    return codes


def _rows(content: Any) -> Iterator[tuple[Level, Float]]:
    for one in content:
        if "label" in one:
            level = level_of_label(int(one["label"]))
            place = np.array([float(one["X"]), float(one["Y"]), float(one["Z"])])
            if level is not None and np.isfinite(place).all():
                yield level, place


def _turned(volume: Volume, codes: tuple[str, ...]) -> Volume:
    (first, along), (second, across), (third, through) = (_PATIENT_AXIS[code] for code in codes)
    return reorient(volume, (first, second, third), (along, across, through))

"""Where the training's cases come from: the development data, or a folder of CT with masks laid out like VerSe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.localiser.truth import (
    CASES,
    CaseEntry,
    TrueCase,
    ct_path,
    read_mask_truth,
    read_truth,
    wide_path,
)
from vfscreen.errors import NotEnoughLabels
from vfscreen.layouts.find import find_layout


@dataclass(frozen=True, slots=True)
class CaseSource:
    """A case that may train.

    `number` seeds what is drawn from it, whichever others train; `wide` is its whole view where `ct` is cut to a box.
    """

    entry: CaseEntry
    number: int
    ct: Path
    wide: Path | None
    truth: Callable[[], TrueCase]


def sources_in(folder: Path, licence: str, leave_out: frozenset[str]) -> list[CaseSource]:
    """The cases of a folder that may train, without the patients left out.

    Raises:
        NotEnoughLabels: the folder has no CT with a vertebra mask.
    """
    layout = find_layout(folder)
    if layout is None:
        return development_sources(folder, leave_out)
    sources = [
        CaseSource(
            entry := CaseEntry(scan.name, scan.patient, "mask", licence),
            number,
            scan.ct,
            None,
            partial(read_mask_truth, scan.mask, entry, with_points=True),
        )
        for number, scan in enumerate(layout.scans)
        if scan.mask is not None and scan.patient not in leave_out
    ]
    if not sources:
        raise NotEnoughLabels(
            "no CT of this folder has a vertebra mask", str(folder), "give a folder of CT with their masks"
        )
    return sources


def development_sources(cases: Path, leave_out: frozenset[str] = frozenset()) -> list[CaseSource]:
    """The development cases that may train shipped weights, without the patients left out.

    Raises:
        NotEnoughLabels: none of them is there.
    """
    sources = [
        CaseSource(
            entry,
            number,
            ct_path(cases, entry.name),
            wide_path(cases, entry.name) if entry.wide else None,
            partial(read_truth, cases, entry),
        )
        for number, entry in enumerate(CASES)
        if entry.trained and entry.patient not in leave_out
    ]
    missing = [source.entry.name for source in sources if not source.ct.is_file()]
    if missing or not sources:
        raise NotEnoughLabels(
            f"this folder is neither laid out like VerSe nor does it hold {', '.join(missing[:3]) or 'a case'}",
            str(cases),
            "give the folder of the development cases, or of CT with masks in the layout of VerSe",
        )
    return sources

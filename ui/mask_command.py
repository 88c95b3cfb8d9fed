"""Other people's masks on the command line: which bodies a command uses, and a case that is taken in with its mask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ui.composition import House
from ui.console import progress_shown, wait_for
from ui.engine_client import EngineClient
from ui.screen_command import models_to_use
from vfscreen.cases import GeometrySource
from vfscreen.errors import MaskMismatch
from vfscreen.masks import BodiesFrom, MaskKind
from vfscreen.masks.dicom_seg import series_of_mask

TOTALSEGMENTATOR = "totalsegmentator"
"""The word in the place of a localiser's weights that asks for TotalSegmentator."""


def chosen_bodies(
    mask: Path | None, kind: MaskKind, localiser: Path | None, paths: Sequence[Path]
) -> BodiesFrom | None:
    """Reads from the options where bodies come from; None is the localiser.

    Raises:
        ValueError: the options contradict each other.
    """
    if mask is not None:
        if localiser is not None:
            raise ValueError("a mask stands in for the localiser: give one of the two")
        if len(paths) != 1:
            raise ValueError("a mask belongs to one CT: give one path")
        return BodiesFrom(mask, kind)
    if kind is not MaskKind.AUTO:
        raise ValueError("--mask-kind says how a mask is read: give one with --mask")
    return BodiesFrom(None) if localiser == Path(TOTALSEGMENTATOR) else None


def keep_with_mask(house: House, series: Sequence[str], choice: BodiesFrom) -> str:
    """Screens the series that was just taken in with its mask, keeps that in the store and says so.

    Of several, it is the one that the mask says it was made on.

    Raises:
        MaskMismatch: it cannot be told which series is meant, or the mask is not that of this CT.
    """
    cases = [house.store.case(one, house.reader) for one in dict.fromkeys(series)]
    made_on = series_of_mask(choice.mask)
    meant = [case for case in cases if case.facts.uid in made_on] or cases
    if len(meant) != 1:
        raise MaskMismatch(
            f"a mask belongs to one series, and {len(meant)} are here",
            str(choice.mask),
            "import that series alone, with its mask",
        )
    (case,) = meant
    models = models_to_use(house.shelf)
    settings = house.settings
    client = EngineClient(threads=settings.threads, reference=settings.reference_choice(house.folder.root))
    try:
        with progress_shown("mask") as progress:
            future = client.screen(
                case.source,
                files=case.files,
                facts=case.facts,
                models=models,
                bodies_from=choice,
                on_progress=progress,
            )
            screening = wait_for(future, client.cancel)
    finally:
        client.close()
    house.store.record_screening(case.series_id, screening, GeometrySource.MASK)
    levels = [str(finding.vertebra.level) for finding in screening.findings]
    return f"{len(levels)} vertebrae from the mask: {', '.join(levels)}"

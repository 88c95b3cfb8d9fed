"""Lays masks where they do not belong and looks whether the check against the bones of the CT notices.

Every development case with a CT and a mask: the mask as it is, turned over along each axis of the patient and along
all, and shifted by 3 to 30 mm in the six directions. The table goes into `docs/foreign_masks.md`. The check's limits
were chosen on these cases but `oppoct_5mm`, which is for tests only and was looked at afterwards. Half a minute; needs
the development cases (environment variable VFSCREEN_CASES).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.foreign_masks import DEMO, PAGE, ROOT, demo_mask, say
from benchmarks.foreign_masks_tables import write_tables
from vfscreen.demo_case import demo_ct
from vfscreen.errors import MaskMismatch
from vfscreen.intake import read_study
from vfscreen.masks import MaskKind
from vfscreen.masks.on_bone import Surface, brighter_inside, check_surface, surface_of, turned_over
from vfscreen.masks.reading import read_mask
from vfscreen.volume import Volume, anatomical_axes

CASES = {
    DEMO: MaskKind.AUTO,
    "verse005": MaskKind.AUTO,
    "verse006": MaskKind.AUTO,
    "verse007": MaskKind.AUTO,
    "verse008": MaskKind.AUTO,
    "verse014": MaskKind.AUTO,
    "totalseg_s0009": MaskKind.AUTO,
    "tptbox_L3crop": MaskKind.VERSE,
    "oppoct_5mm": MaskKind.AUTO,
}
TURNS = {
    "left and right exchanged": (0,),
    "front and back exchanged": (1,),
    "head and feet exchanged": (2,),
    "turned over along all axes": (0, 1, 2),
}
SHIFTS_MM = (3, 5, 10, 30)


@dataclass(frozen=True, slots=True)
class Laid:
    """One mask laid somewhere: at which share of its surface the CT is brighter inside, and whether it is refused."""

    case: str
    how: str
    share: float
    refused: bool


def laid_surfaces(surface: Surface, ct: Volume) -> Iterator[tuple[str, Surface]]:
    """Yields the surface of a mask as it is, turned over and shifted; what is shifted out of view is lost."""
    axes, _ = anatomical_axes(ct.affine)
    yield "as it is", surface
    for how, patient_axes in TURNS.items():
        yield how, turned_over(surface, ct, patient_axes)
    for by_mm in SHIFTS_MM:
        for axis in axes:
            steps = max(round(by_mm / float(ct.spacing_mm[axis])), 1)
            for step in (steps, -steps):
                yield f"shifted by {by_mm} mm", _shifted(surface, ct, axis, step)


def _shifted(surface: Surface, ct: Volume, axis: int, step: int) -> Surface:
    by = step * np.eye(3, dtype=np.intp)[axis]
    inside, outside = surface.inside + by, surface.outside + by
    both = np.stack([inside, outside])
    there = ((both >= 0) & (both < np.array(ct.shape))).all((0, 2))
    return Surface(inside[there], outside[there])


def looked_at(cases: Path) -> Iterator[Laid]:
    """Lays the mask of every case and yields what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in CASES.items():
            ct = demo_ct() if name == DEMO else cases / name / "ct.nii.gz"
            loaded = read_study(ct if ct.exists() else cases / name / "dicom")
            path = demo_mask(Path(folder)) if name == DEMO else cases / name / "mask.nii.gz"
            own = surface_of(read_mask(path, kind, loaded).labels)
            for how, surface in laid_surfaces(own, loaded.volume):
                share = round(brighter_inside(surface, loaded.volume), 3)
                yield Laid(name, how, share, _is_refused(surface, loaded.volume))
            say(name)


def _is_refused(surface: Surface, ct: Volume) -> bool:
    try:
        check_surface(surface, ct, "mask")
    except MaskMismatch:
        return True
    return False


def table(laid: Sequence[Laid]) -> str:
    """Returns the table of the page."""
    lines = [
        "| the mask lies | masks | brighter inside, % of the surface | refused |",
        "|---|---|---|---|",
    ]
    for how in dict.fromkeys(one.how for one in laid):
        rows = [one for one in laid if one.how == how]
        shares = [100 * one.share for one in rows]
        lines.append(
            f"| {how} | {len(rows)} | {min(shares):.0f} to {max(shares):.0f} "
            f"| {sum(one.refused for one in rows)} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Looks, writes the table and prints the figures."""
    if "VFSCREEN_CASES" not in os.environ:
        say("Set VFSCREEN_CASES to the folder of the development cases.")
        return 2
    laid = list(looked_at(Path(os.environ["VFSCREEN_CASES"])))
    write_tables(PAGE, {"misplaced": table(laid)})
    kept = json.dumps([asdict(one) for one in laid], indent=1) + "\n"
    (ROOT / "benchmarks/results/masks_on_bone.json").write_text(kept)
    own = [one for one in laid if one.how == "as it is"]
    others = [one for one in laid if one.how != "as it is"]
    print(
        json.dumps(
            {
                "own_masks": len(own),
                "own_refused": sum(one.refused for one in own),
                "own_lowest_share": min(one.share for one in own),
                "misplaced": len(others),
                "misplaced_refused": sum(one.refused for one in others),
            }
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

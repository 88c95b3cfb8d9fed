"""Asks how spines with T13, with L6 or without T12 are named, made from patients left out.

There is no real case of them. Of every case with both anchors of a count in view (first and last rib, or last rib and
sacrum) a body is doubled or taken out with all that lies below it moved along; the weights that never saw the patient
name the result. About a minute; needs the weights of `benchmarks/localiser.py --train` and `VFSCREEN_CASES`. Writes
`benchmarks/results/localiser_counts.json` and the table in `docs/localiser.md`.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.localiser import MATCH_MM, ROOT, say, weights_without
from benchmarks.localiser_tables import between_marks
from models.localiser import load_localiser
from models.localiser.other_count import with_another_count
from models.localiser.truth import CASES, CaseEntry, TrueBody, ct_path, read_truth, read_volume, wide_path
from vfscreen.anatomy import ASSESSED, Level, level_of
from vfscreen.ports import Localiser

Float = NDArray[np.float64]

MADE = (("T13", "T12", True), ("T13", "T11", True), ("no T12", "T12", False), ("no T12", "T11", False))
"""What is made where first and last rib are in view, of which body, doubled (True) or taken out."""
MADE_ABOVE_SACRUM = tuple(("L6", body, True) for body in ("L2", "L3", "L4"))
"""What is made where last rib and sacrum are in view."""


@dataclass(frozen=True, slots=True)
class Recount:
    """One made spine: the names that are right, what was said at those places (None: nothing found), and whether it was
    called certain."""

    case: str
    made: str
    body: str
    names: list[str]
    said: list[str | None]
    certain: bool

    @property
    def right(self) -> bool:
        """Whether every body in view has its right name."""
        return self.names == self.said


def recount(
    cases: Path, entry: CaseEntry, localiser: Localiser, made: str, body: str, doubled: bool
) -> Recount:
    """Makes one spine and asks for its names."""
    volume = read_volume(wide_path(cases, entry.name) if entry.wide else ct_path(cases, entry.name))
    bodies = [one for one in read_truth(cases, entry).bodies if one.level in ASSESSED]
    at = next(k for k, one in enumerate(bodies) if str(one.level) == body)
    discs = [(bodies[k].centre_lps_mm + bodies[k + 1].centre_lps_mm) / 2 for k in (at - 1, at)]
    shown = with_another_count(volume, discs[0], discs[1], doubled=doubled)
    names, places = _expected(bodies, at, discs[1] - discs[0], made, doubled)
    located = localiser.locate(shown)
    found = {str(one.level): one.centre_lps_mm for one in located.vertebrae}
    said = [_nearest(found, place) for place in places]
    certain = any(one.level_certain for one in located.vertebrae)
    return Recount(entry.name, made, body, names, said, certain)


def _expected(
    bodies: list[TrueBody], at: int, height: Float, made: str, doubled: bool
) -> tuple[list[str], list[Float]]:
    """The names of the whole bodies of the made spine and where they lie."""
    above, below = bodies[: at + 1] if doubled else bodies[:at], bodies[at:] if doubled else bodies[at + 1 :]
    shift = height if doubled else -height
    places = [one.centre_lps_mm for one in above] + [one.centre_lps_mm + shift for one in below]
    order = [level for level in ASSESSED if level is not (Level.T13 if made == "L6" else Level.L6)]
    if made == "no T12":
        order = [level for level in order if level not in (Level.T12, Level.T13)]
    start = order.index(level_of(str(bodies[0].level)))
    whole = [one.whole for one in above] + [one.whole for one in below]
    names = [str(level) for level in order[start : start + len(places)]]
    kept = [k for k in range(len(places)) if whole[k]]
    return [names[k] for k in kept], [places[k] for k in kept]


def _nearest(found: dict[str, Float], place: Float) -> str | None:
    away = {name: float(np.linalg.norm(centre - place)) for name, centre in found.items()}
    nearest = min(away, key=away.__getitem__, default=None)
    return nearest if nearest is not None and away[nearest] <= MATCH_MM else None


def table(results: list[Recount]) -> str:
    """One row a made spine."""
    rows = ["| made | from | in view | said | all right | certain |", "|---|---|---|---|---|---|"]
    for one in results:
        how = "taken out of" if one.made == "no T12" else "doubled in"
        rows.append(
            f"| {one.made} | {one.body} {how} {one.case} | {one.names[0]}-{one.names[-1]} "
            f"| {' '.join(name or '–' for name in one.said)} | {'yes' if one.right else '**no**'} "
            f"| {'yes' if one.certain else 'no'} |"
        )
    return "\n".join(rows)


def results_of(cases: Path) -> list[Recount]:
    """Makes and names every spine whose count can be told, with the weights that never saw its patient."""
    results = []
    for entry in CASES:
        for made, body, doubled in makings(cases, entry) if entry.trained and entry.levels_known else ():
            localiser = load_localiser(weights_without(entry.patient))
            results.append(recount(cases, entry, localiser, made, body, doubled))
            say(f"{entry.name} {made} by {body}: {'right' if results[-1].right else results[-1].said}")
    return results


def makings(cases: Path, entry: CaseEntry) -> list[tuple[str, str, bool]]:
    """What can be made of a case so that both anchors of the count stay in view."""
    truth = read_truth(cases, entry)
    whole = [str(body.level) for body in truth.bodies if body.level in ASSESSED and body.whole]
    wanted = list(MADE) if {"T1", "L1"} <= set(whole) else []
    wanted += MADE_ABOVE_SACRUM if truth.reaches_sacrum and "T12" in whole else ()
    return [one for one in wanted if one[1] in whole[1:-1]]


def _share(results: list[Recount], made: str) -> str:
    those = [one.right for one in results if one.made == made]
    return f"{sum(those)} of {len(those)}"


def main() -> int:
    """Runs the question from the command line."""
    if "VFSCREEN_CASES" not in os.environ:
        say("set VFSCREEN_CASES to the folder of the development cases")
        return 2
    torch.set_num_threads(1)
    results = results_of(Path(os.environ["VFSCREEN_CASES"]))
    figures = {
        "made": len(results),
        "right": sum(one.right for one in results),
        **{f"right_{made}": _share(results, made) for made in ("T13", "no T12", "L6")},
        "wrong_but_certain": sum(one.certain and not one.right for one in results),
    }
    kept = {"figures": figures, "spines": [asdict(one) for one in results]}
    (ROOT / "benchmarks" / "results" / "localiser_counts.json").write_text(json.dumps(kept, indent=1) + "\n")
    between_marks(ROOT / "docs" / "localiser.md", "localiser_counts", table(results))
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())

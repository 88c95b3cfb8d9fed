"""Asks whether a spine is told to be upside down where, and only where, its header has swapped head and feet.

Every case is located as it is and with the head-to-feet axis of its header turned round, by weights that never saw the
patient. Half a minute; needs the weights of `benchmarks/localiser.py --train` and `VFSCREEN_CASES`. Writes
`benchmarks/results/localiser_upside_down.json` and the line in `docs/localiser.md`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.localiser import ROOT, say, weights_without
from benchmarks.localiser_tables import between_marks
from models.localiser import load_localiser
from models.localiser.locate import UPSIDE_DOWN
from models.localiser.truth import CASES, ct_path, read_volume
from vfscreen.ports import Located
from vfscreen.volume import Volume


def turned(volume: Volume) -> Volume:
    """The same voxels under a header that swaps head and feet."""
    affine = volume.affine.copy()
    affine[2] *= -1
    return Volume(volume.voxels, affine)


def results_of(cases: Path) -> list[dict[str, Any]]:
    """Locates every left-out case both ways."""
    rows = []
    for entry in CASES:
        if entry.trained:
            localiser = load_localiser(weights_without(entry.patient))
            volume = read_volume(ct_path(cases, entry.name))
            upright, upside_down = localiser.locate(volume), localiser.locate(turned(volume))
            rows.append(
                {"case": entry.name, "bodies": len(upright.vertebrae)}
                | {"upright_told": _told(upright), "turned_told": _told(upside_down)}
                | {"turned_certain": any(one.level_certain for one in upside_down.vertebrae)}
            )
            say(str(rows[-1]))
    return rows


def _told(located: Located) -> bool:
    return UPSIDE_DOWN in located.warnings


def sentence(rows: list[dict[str, Any]]) -> str:
    """What was found, in words."""
    missed = [f"`{row['case']}` ({row['bodies']} bodies)" for row in rows if not row["turned_told"]]
    return (
        f"With head and feet swapped in the header {sum(row['turned_told'] for row in rows)} of {len(rows)} cases "
        f"are told to be upside down, as they are {sum(row['upright_told'] for row in rows)}. Not told: "
        f"{', '.join(missed) or 'none'}; names called certain in a swapped case: "
        f"{sum(row['turned_certain'] for row in rows)}."
    )


def main() -> int:
    """Runs the question from the command line."""
    if "VFSCREEN_CASES" not in os.environ:
        say("set VFSCREEN_CASES to the folder of the development cases")
        return 2
    torch.set_num_threads(1)
    rows = results_of(Path(os.environ["VFSCREEN_CASES"]))
    target = ROOT / "benchmarks" / "results" / "localiser_upside_down.json"
    target.write_text(json.dumps(rows, indent=1) + "\n")
    between_marks(ROOT / "docs" / "localiser.md", "localiser_upside_down", sentence(rows))
    print(sentence(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

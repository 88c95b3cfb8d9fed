"""What grading costs beside one forward pass of the published network (3 x 128^3), on the same CPU in the same run.

Ours is the shipped chain's `grade`: cutting the crops out of the demo CT, network, decision. One vertebra, and a spine
of 17 (the bodies that the localiser finds, T1-L2, and the first of them again). In turn, medians of five turns, with
one thread (as the engine runs) and with two. Processor seconds of this process, so that what else runs on the machine
makes nobody wait here; the seconds on the clock stand beside them. About two minutes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch

from models.grader import load_grader
from models.localiser import load_localiser
from models.published.config import read_config
from models.published.net import CHANNELS, PublishedNet
from vfscreen.anatomy import USUAL
from vfscreen.demo_case import demo_ct
from vfscreen.findings import Vertebra
from vfscreen.intake import read_study

TURNS = 5
SINGLES, SPINES = 60, 4
"""How often ours is run in a turn; it is short."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of one run: of the processor, and on the clock."""

    processor_s: float
    clock_s: float


def timed(run: Callable[[], object], times: int) -> Taken:
    """Returns the median seconds of several runs."""
    processor, clock = [], []
    for _ in range(times):
        started, began = time.process_time(), time.perf_counter()
        run()
        processor.append(time.process_time() - started)
        clock.append(time.perf_counter() - began)
    return Taken(median(processor), median(clock))


def in_turn(runs: dict[str, tuple[Callable[[], object], int]]) -> dict[str, Taken]:
    """Runs everything in turn and returns the medians over the turns; a first turn is not counted."""
    turns = []
    for turn in range(TURNS + 1):
        turns.append({name: timed(run, times) for name, (run, times) in runs.items()})
        said = ", ".join(f"{name} {1000 * one.processor_s:.1f} ms" for name, one in turns[-1].items())
        print(f"{torch.get_num_threads()} threads, turn {turn}: {said}", file=sys.stderr)
    return {
        name: Taken(
            median(turn[name].processor_s for turn in turns[1:]),
            median(turn[name].clock_s for turn in turns[1:]),
        )
        for name in runs
    }


def spine_of(found: Sequence[Vertebra]) -> list[Vertebra]:
    """Returns 17 measured bodies, some of them twice where fewer were found."""
    measured = [one for one in found if one.points is not None]
    return [measured[place % len(measured)] for place in range(len(USUAL))]


def figures_of(taken: dict[str, Taken], what: str) -> dict[str, float]:
    """Returns the ratios, by processor or clock seconds."""
    seconds = {name: getattr(one, what) for name, one in taken.items()}
    return {
        "published_over_ours": round(seconds["published"] / seconds["one vertebra"], 1),
        "published_over_ours_in_a_spine": round(len(USUAL) * seconds["published"] / seconds["spine"], 1),
        "spine_over_published": round(seconds["spine"] / seconds["published"], 4),
    }


def main() -> None:
    """Prints the figures: those of one thread by processor seconds are the ones that documents name."""
    torch.set_num_threads(1)
    volume = read_study(demo_ct()).volume
    spine = spine_of(load_localiser().locate(volume).vertebrae)
    grader = load_grader()
    config = read_config()
    published = PublishedNet(config.net, config.training.head).eval()
    side = config.net.side
    views = torch.rand(1, CHANNELS, side, side, side)
    middle = spine[len(spine) // 2]

    def pass_once() -> None:
        with torch.inference_mode():
            published(views)

    runs: dict[str, tuple[Callable[[], object], int]] = {
        "published": (pass_once, 1),
        "one vertebra": (lambda: grader.grade(volume, [middle]), SINGLES),
        "spine": (lambda: grader.grade(volume, spine), SPINES),
    }
    one = in_turn(runs)
    torch.set_num_threads(2)
    two = in_turn(runs)
    figures = {
        **figures_of(one, "processor_s"),
        "on_the_clock": figures_of(one, "clock_s"),
        "two_threads_on_the_clock": figures_of(two, "clock_s"),
        "milliseconds": {name: round(1000 * taken.processor_s, 2) for name, taken in one.items()},
        "published_parameters": sum(value.numel() for value in published.parameters()),
        "our_parameters": sum(value.numel() for value in grader.net.parameters()),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

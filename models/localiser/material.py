"""What the four nets are trained on: the prepared cases, and how batches are drawn from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch

from models.localiser.level_training import (
    StripSample,
    level_loss,
    strip_batch,
    strip_samples,
    strips_elsewhere,
)
from models.localiser.locate import Nets
from models.localiser.points_training import BodySample, body_samples, points_batch, points_loss
from models.localiser.sources import CaseSource
from models.localiser.stack_training import (
    HARD,
    PLAIN,
    StackSample,
    Variety,
    empty_samples,
    spine_samples,
    stack_batch,
    stack_loss,
)
from models.localiser.training import Draw
from models.localiser.truth import CaseEntry, TrueCase, read_volume
from models.localiser.tube_training import TubeCase, tube_batch, tube_case, tube_loss
from vfscreen.volume import Volume

VARIANTS = 12
EMPTY_VARIANTS = 10
BODY_VARIANTS = 24
EMPTY_SHARE = 0.15
STACKS_A_STEP = 4
STRIPS_A_STEP = 8
BODIES_A_STEP = 8


@dataclass(frozen=True, slots=True)
class Material:
    """What one case gives to each net; nothing where it has no truth of that kind. `empties` and `elsewhere` show
    no spine.
    """

    entry: CaseEntry
    tubes: list[TubeCase]
    stacks: list[StackSample]
    empties: list[StackSample]
    strips: list[StripSample]
    elsewhere: list[StripSample]
    bodies: list[BodySample]


Tell = Callable[[str], None]
Sample = TypeVar("Sample")


def prepare(sources: list[CaseSource], seed: int, tell: Tell) -> list[Material]:
    """Reads the cases and straightens them along many lines; what a case gives does not depend on the others."""
    prepared = []
    for source in sources:
        began = time.monotonic()
        volume = read_volume(source.ct)
        wide = None if source.wide is None else read_volume(source.wide)
        prepared.append(material_of(volume, wide, source.truth(), (seed, source.number)))
        tell(f"{source.entry.name}: prepared in {time.monotonic() - began:.1f} s")
    return prepared


def material_of(volume: Volume, wide: Volume | None, truth: TrueCase, seed: tuple[int, int]) -> Material:
    """Prepares one case; `wide` is its whole view where `volume` is cut to a box."""
    on_stack, off_stack, on_strip, off_strip, on_body = (
        np.random.default_rng((*seed, kind)) for kind in range(5)
    )
    views = [view for view in (wide, volume) if view is not None]
    named = truth.entry.levels_known
    return Material(
        truth.entry,
        [tube_case(view, truth) for view in views],
        spine_samples(volume, truth, VARIANTS, on_stack),
        empty_samples(views[0], truth, EMPTY_VARIANTS, off_stack),
        [strip for view in views for strip in strip_samples(view, truth, VARIANTS, on_strip)]
        if named
        else [],
        strips_elsewhere(views[0], truth, EMPTY_VARIANTS, off_strip),
        body_samples(volume, truth, BODY_VARIANTS, on_body),
    )


@dataclass(frozen=True, slots=True)
class Draws:
    """How each net draws a batch and its loss; the stack net a second time, from hard views."""

    tube: Draw
    stack: Draw
    hard: Draw
    level: Draw
    points: Draw


def draws_of(material: list[Material], nets: Nets, device: torch.device) -> Draws:
    """Binds the nets to what they are trained on; batches are drawn on the CPU and moved to the device."""
    tubes = [tube for case in material for tube in case.tubes]
    stacks = [case.stacks for case in material]
    empties = [case.empties for case in material if case.empties]
    strips = [case.strips for case in material if case.strips]
    elsewhere = [case.elsewhere for case in material if case.elsewhere]
    bodies = [body for case in material for body in case.bodies]

    def on(batch: tuple[torch.Tensor, ...]) -> Any:
        return tuple(tensor.to(device) for tensor in batch)

    def tube(rng: np.random.Generator) -> torch.Tensor:
        return tube_loss(nets.tube, on(tube_batch(tubes[int(rng.integers(len(tubes)))], rng)))

    def views(variety: Variety, rng: np.random.Generator) -> torch.Tensor:
        drawn = [_drawn(stacks, empties, EMPTY_SHARE, rng) for _ in range(STACKS_A_STEP)]
        return stack_loss(nets.stack, on(stack_batch(drawn, variety, rng)))

    def level(rng: np.random.Generator) -> torch.Tensor:
        drawn = [_drawn(strips, elsewhere, EMPTY_SHARE, rng) for _ in range(STRIPS_A_STEP)]
        return level_loss(nets.level, on(strip_batch(drawn, rng)))

    def points(rng: np.random.Generator) -> torch.Tensor:
        drawn = [bodies[int(rng.integers(len(bodies)))] for _ in range(BODIES_A_STEP)]
        return points_loss(nets.points, on(points_batch(drawn, rng)))

    return Draws(tube, partial(views, PLAIN), partial(views, HARD), level, points)


def _drawn(
    spines: list[list[Sample]], empty: list[list[Sample]], share: float, rng: np.random.Generator
) -> Sample:
    """Draws a case, then one of its pictures; a share of them without spine."""
    pools = empty if empty and rng.random() < share else spines
    pool = pools[int(rng.integers(len(pools)))]
    return pool[int(rng.integers(len(pool)))]

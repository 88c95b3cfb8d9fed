"""Every net really learns on the demo CT, in seconds, and a broken-off training goes on as if it were whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from models.localiser.level_net import LevelNet
from models.localiser.level_training import level_loss, strip_batch, strip_samples
from models.localiser.points_net import PointsNet
from models.localiser.points_training import BodySample, body_samples, points_batch, points_loss
from models.localiser.stack_net import StackNet
from models.localiser.stack_training import PLAIN, empty_samples, spine_samples, stack_batch, stack_loss
from models.localiser.training import Draw, Recipe, train
from models.localiser.truth import CASES, TrueBody, TrueCase
from models.localiser.tube_net import TubeNet
from models.localiser.tube_training import tube_batch, tube_case, tube_loss
from vfscreen.anatomy import level_of
from vfscreen.volume import Volume, reorient

if TYPE_CHECKING:
    from vfscreen.findings import Vertebra

CENTRES = Path(__file__).parent.parent / "data" / "demo_centres.json"


@pytest.fixture(scope="module")
def truth(demo_bodies: list[Vertebra]) -> TrueCase:
    """T1-L2 of the demo CT, six of them with points."""
    pointed = {body.level: body.points.array() for body in demo_bodies if body.points is not None}
    places = json.loads(CENTRES.read_text(encoding="utf-8"))["centres_lps_mm"]
    bodies = [
        TrueBody(level_of(name), np.array(place), True, pointed.get(level_of(name)), True)
        for name, place in places.items()
    ]
    return TrueCase(CASES[0], tuple(bodies))


Make = Callable[[Volume, TrueCase], tuple[torch.nn.Module, Draw]]


def a_tube(volume: Volume, truth: TrueCase) -> tuple[torch.nn.Module, Draw]:
    upright = reorient(volume, (0, 1, 2), (1, 1, 1))
    affine = upright.affine.copy()
    affine[:3, 3] = upright.lps_of(np.array([128.0, 0.0, 0.0]))
    middle = Volume(np.ascontiguousarray(upright.voxels[128:384]), affine)
    net, case = TubeNet((4, 8, 8)), tube_case(middle, truth)
    return net, lambda rng: tube_loss(net, tube_batch(case, rng))


def a_stack(volume: Volume, truth: TrueCase) -> tuple[torch.nn.Module, Draw]:
    rng = np.random.default_rng(2)
    net = StackNet((6, 8, 8, 12, 12))
    pool = spine_samples(volume, truth, 3, rng) + empty_samples(volume, truth, 1, rng)
    return net, lambda rng: stack_loss(net, stack_batch([pool[int(rng.integers(len(pool)))]], PLAIN, rng))


def a_level(volume: Volume, truth: TrueCase) -> tuple[torch.nn.Module, Draw]:
    net, pool = LevelNet((6, 8, 8), 16), strip_samples(volume, truth, 3, np.random.default_rng(2))
    return net, lambda rng: level_loss(net, strip_batch(pool, rng))


def some_points(volume: Volume, truth: TrueCase) -> tuple[torch.nn.Module, Draw]:
    net, pool = PointsNet((6, 8, 8, 12, 12)), body_samples(volume, truth, 2, np.random.default_rng(2))
    return net, lambda rng: points_loss(net, points_batch(pool[:4], rng))


@pytest.mark.parametrize(
    ("make", "steps", "share"),
    [(a_tube, 16, 0.92), (a_stack, 40, 0.75), (a_level, 40, 0.9), (some_points, 40, 0.85)],
)
def test_training_lowers_the_loss(
    make: Make, steps: int, share: float, demo_volume: Volume, truth: TrueCase, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    net, draw = make(demo_volume, truth)
    before = mean_loss(net, draw)
    train(net, draw, Recipe(steps, 1e-2, seed=1), tmp_path / "net.pt", print)
    assert mean_loss(net, draw) < share * before


def mean_loss(net: torch.nn.Module, draw: Draw) -> float:
    """The mean loss of five fixed draws, with the statistics of those very draws."""
    net.train()
    with torch.no_grad():
        return float(np.mean([float(draw(np.random.default_rng((9, k)))) for k in range(5)]))


def test_a_training_that_was_broken_off_ends_like_an_unbroken_one(
    demo_volume: Volume, truth: TrueCase, tmp_path: Path
) -> None:
    pool = body_samples(demo_volume, truth, 1, np.random.default_rng(2))[:2]
    whole = after_six_steps(pool, tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        after_six_steps(pool, tmp_path / "broken.pt", stop_after=3)
    assert torch.equal(whole, after_six_steps(pool, tmp_path / "broken.pt"))


def after_six_steps(pool: list[BodySample], checkpoint: Path, stop_after: int = 6) -> torch.Tensor:
    """Trains from the checkpoint, if there is one, to step six; returns all weights."""
    torch.manual_seed(1)
    net = PointsNet((4, 4, 4, 4, 4))
    left = iter(range(stop_after))

    def draw(rng: np.random.Generator) -> torch.Tensor:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return points_loss(net, points_batch(pool, rng))

    train(net, draw, Recipe(6, 1e-2, seed=3), checkpoint, print, checkpoint_seconds=0.0)
    return torch.cat([value.flatten().float() for value in net.state_dict().values()])

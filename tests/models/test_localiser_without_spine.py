"""Volumes without a spine give no body and one clear sentence: air, noise, a phantom, legs, a head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.localiser import load_localiser
from models.localiser.locate import NO_SPINE
from vfscreen.volume import Volume

if TYPE_CHECKING:
    from vfscreen.ports import Localiser

STEP_MM = 2.5
SHAPE = (150, 130, 120)
Float = np.ndarray


@pytest.fixture(scope="module")
def localiser() -> Localiser:
    return load_localiser()


def places() -> tuple[Float, Float, Float]:
    """The distances from the middle to the left, backwards and upwards, mm."""
    x, y, z = np.meshgrid(
        *((np.arange(n) - (n - 1) / 2) * STEP_MM for n in SHAPE), indexing="ij", sparse=True
    )
    return x, y, z


def a_phantom() -> Float:
    """A water cylinder with a ring of upright rods, some as dense as bone, and a stack of discs in its middle."""
    x, y, z = places()
    hu = np.where(np.hypot(x, y) < 110, 0.0, -1000.0) + 0 * z
    for k, rod_hu in enumerate((-100, 120, 300, 600, 1000)):
        angle = 2 * np.pi * k / 5
        rod = np.hypot(x - 60 * np.cos(angle), y - 60 * np.sin(angle)) < 12
        hu = np.where(rod & (np.abs(z) < 140), rod_hu, hu)
    return np.where((np.hypot(x, y) < 20) & (np.mod(z, 40) < 20), 200.0, hu)


def legs() -> Float:
    """Two thighs with the shafts of their bones, wider at the knee."""
    x, y, z = places()
    hu = np.full(SHAPE, -1000.0)
    for side in (-85.0, 85.0):
        away = np.hypot(x - side, y) + 0 * z
        outer = 15 + 18 * np.exp(-(((z + 110) / 30) ** 2))
        hu = np.where(away < 70, 40.0, hu)
        hu = np.where(away < outer, 1300.0, hu)
        hu = np.where(away < outer - 6, -40.0, hu)
    return hu


def a_head() -> Float:
    """A skull with brain, on a neck of soft tissue."""
    x, y, z = places()
    away = np.sqrt((x / 75) ** 2 + (y / 95) ** 2 + ((z - 30) / 90) ** 2)
    hu = np.where((np.hypot(x, y) < 60) & (z < 0), 45.0, -1000.0)
    hu = np.where(away < 1.08, 1100.0, hu)
    return np.where(away < 1.0, 35.0, hu)


MADE = {
    "air": lambda: np.full(SHAPE, -1000.0),
    "tissue": lambda: np.full(SHAPE, 40.0),
    "phantom": a_phantom,
    "legs": legs,
    "head": a_head,
}


@pytest.mark.parametrize("name", MADE)
def test_without_a_spine_there_is_no_body_and_a_clear_sentence(name: str, localiser: Localiser) -> None:
    noise = np.random.default_rng(5).normal(0, 25, SHAPE)
    hu = np.clip(np.broadcast_to(MADE[name](), SHAPE) + noise, -1024, 3071)
    located = localiser.locate(Volume(hu.astype(np.int16), np.diag([STEP_MM, STEP_MM, STEP_MM, 1.0])))
    assert located.vertebrae == ()
    assert located.refusals == ()
    assert located.warnings == (NO_SPINE,)

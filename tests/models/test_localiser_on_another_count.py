"""The demo spine with a body doubled in the volume: a training case of the weights, so this shows that it works."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from models.localiser import load_localiser
from models.localiser.other_count import with_another_count
from vfscreen.anatomy import Level, level_of
from vfscreen.volume import Volume, resample

CENTRES = Path(__file__).parent.parent / "data" / "demo_centres.json"


def test_a_twelfth_thoracic_body_that_is_there_twice_makes_a_t13(demo_volume: Volume) -> None:
    places = json.loads(CENTRES.read_text(encoding="utf-8"))["centres_lps_mm"]
    centres = {level_of(name): np.array(place) for name, place in places.items()}
    above = (centres[Level.T11] + centres[Level.T12]) / 2
    below = (centres[Level.T12] + centres[Level.L1]) / 2
    longer = with_another_count(resample(demo_volume, 2.0), above, below, doubled=True)
    located = load_localiser().locate(longer)
    found = {body.level: body.centre_lps_mm for body in located.vertebrae}
    assert np.linalg.norm(found[Level.T12] - centres[Level.T12]) < 8
    assert np.linalg.norm(found[Level.T13] - (centres[Level.T12] + below - above)) < 8
    assert np.linalg.norm(found[Level.L1] - (centres[Level.L1] + below - above)) < 8
    assert any("thirteen thoracic vertebrae" in warning for warning in located.warnings)

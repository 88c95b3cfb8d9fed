"""Makes a data folder with studies of the demo CT in it: imported through the door, bodies and suggestions recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.demo_bodies import demo_bodies, write_nifti
from ui.composition import House, open_house
from vfscreen.data_folder import DataFolder
from vfscreen.findings import Finding, Screening, Suggestion
from vfscreen.genant import Grade, Reference, measure
from vfscreen.importing import import_paths, key_of
from vfscreen.model_files import ModelKind
from vfscreen.model_shelf import in_use
from vfscreen.settings import Settings, save_settings
from vfscreen.volume import Volume

READER = "Dr K"
LEVELS = ("T9", "T10", "T11", "T12", "L1", "L2")
SUGGESTED_2 = "T12"
"""The one level of which the recorded model says 2; of all others it says 0."""


def open_department(root: Path) -> House:
    """Opens a data folder."""
    return open_house(DataFolder(root))


def fill(root: Path, volume: Volume) -> None:
    """Makes a folder in which Dr K reads: imports two studies, and records what a screening found in them."""
    files = root / "archive"
    files.mkdir()
    brighter = Volume(np.ascontiguousarray(volume.voxels + np.int16(1)), volume.affine)
    write_nifti(volume, files / "first.nii.gz")
    write_nifti(brighter, files / "second.nii.gz")
    save_settings(root / "settings.toml", Settings(reader=READER))
    house = open_department(root)
    with house.store:
        key = key_of(house.store, house.folder.key)
        paths = [files / "first.nii.gz", files / "second.nii.gz"]
        for taken in import_paths(
            paths, house.store, house.cache, key=key, progress=lambda _what, _share: None
        ):
            house.store.record_screening(taken.series_id, screening(models_in_use(house)))


def models_in_use(house: House) -> dict[str, str]:
    """Returns the ids of the models in use, so that nothing is left for the engine to do."""
    return {str(kind): in_use(house.shelf, kind).model.card.id for kind in ModelKind}


def screening(models: dict[str, str]) -> Screening:
    """Says what a model found in a study of the demo CT."""
    return Screening(
        "demo",
        None,
        tuple(_finding(place, models["grader"]) for place in range(len(LEVELS))),
        models=models,
    )


def _finding(place: int, grader: str) -> Finding:
    body = demo_bodies()[place]
    assert body.heights is not None
    fractured = str(body.level) == SUGGESTED_2
    probabilities = (0.05, 0.15, 0.6, 0.2) if fractured else (0.94, 0.04, 0.01, 0.01)
    chosen = (Grade.MODERATE, Grade.SEVERE) if fractured else (Grade.NORMAL,)
    embedding = np.eye(128, dtype=np.float32)[place]
    measured = measure(body.level, body.heights, 1.0, Reference.EXPECTED_BY_LEVEL)
    return Finding(body, measured, Suggestion(grader, probabilities, chosen, embedding))

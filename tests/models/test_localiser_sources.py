"""The training's command: on a folder laid out like VerSe, from a TOML file, and with nothing to train on."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from models.localiser import load_localiser
from models.localiser.sources import sources_in
from models.train_localiser import main
from vfscreen.anatomy import Level, level_of
from vfscreen.errors import NotEnoughLabels
from vfscreen.model_files import read_card
from vfscreen.volume import Volume, resample

CENTRES = Path(__file__).parent.parent / "data" / "demo_centres.json"
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def like_verse(demo_volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """T8-L1 of the demo CT on 3 mm, with cylinders for bodies, laid out like VerSe."""
    folder = tmp_path_factory.mktemp("verse")
    places = json.loads(CENTRES.read_text(encoding="utf-8"))["centres_lps_mm"]
    wanted = {level_of(name): np.array(place) for name, place in places.items()}
    wanted = {level: place for level, place in wanted.items() if Level.T8 <= level <= Level.L1}
    grid = resample(demo_volume, 3.0)
    low = np.floor(grid.indices_of(np.min(list(wanted.values()), 0) - np.array([50, 60, 30]))).astype(int)
    high = np.ceil(grid.indices_of(np.max(list(wanted.values()), 0) + np.array([50, 70, 30]))).astype(int)
    box = tuple(slice(max(a, 0), b) for a, b in zip(low, high, strict=True))
    affine = grid.affine.copy()
    affine[:3, 3] = grid.lps_of(np.maximum(low, 0).astype(float))
    voxels = np.ascontiguousarray(grid.voxels[box])
    labels = np.zeros(voxels.shape, np.uint8)
    indices = np.moveaxis(np.indices(labels.shape), 0, -1).reshape(-1, 3).astype(float)
    points = Volume(voxels, affine).lps_of(indices).reshape(*labels.shape, 3)
    for level, place in wanted.items():
        away = points - place
        inside = (np.hypot(away[..., 0] / 20, away[..., 1] / 16) < 1) & (np.abs(away[..., 2]) < 10)
        labels[inside] = int(level)
    for part, name, data in (
        ("rawdata", "sub-verse901_ct", voxels),
        ("derivatives", "sub-verse901_seg-vert_msk", labels),
    ):
        path = folder / "dataset-01training" / part / "sub-verse901" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True)
        nibabel.save(nibabel.Nifti1Image(data, TO_RAS @ affine), path)
    return folder


def test_a_folder_like_verse_gives_bodies_with_points_from_its_masks(like_verse: Path) -> None:
    (source,) = sources_in(like_verse, "CC BY-SA 4.0", frozenset())
    truth = source.truth()
    assert [body.level for body in truth.bodies] == [Level(k) for k in range(Level.T8, Level.L1 + 1)]
    assert "verse901" in source.entry.patient
    assert sum(body.points_lps_mm is not None for body in truth.bodies) >= 4


def test_a_patient_left_out_leaves_nothing_to_train_on(like_verse: Path) -> None:
    (source,) = sources_in(like_verse, "CC BY-SA 4.0", frozenset())
    with pytest.raises(NotEnoughLabels):
        sources_in(like_verse, "CC BY-SA 4.0", frozenset({source.entry.patient}))


def test_the_command_trains_from_a_toml_file_and_writes_weights_that_load(
    like_verse: Path, tmp_path: Path
) -> None:
    order = tmp_path / "mine.toml"
    out = tmp_path / "mine.safetensors"
    order.write_text(
        f'cases = "{like_verse}"\nout = "{out}"\nwork = "{tmp_path / "work"}"\n'
        'share = 0.0015\nseed = 3\nname = "mine-1"\nlicence = "CC BY-SA 4.0"\n'
    )
    assert main([str(order)]) == 0
    card = read_card(out)
    assert (card.id, card.licence, card.config["seed"]) == ("mine-1", "CC BY-SA 4.0", 3)
    assert load_localiser(out).name == "mine-1"


@pytest.mark.parametrize("text", ["cases = ", 'cases = "."\nsteps = 3\n', "seed = 1\n"])
def test_a_training_file_that_says_nothing_good_is_refused_in_a_sentence(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = tmp_path / "bad.toml"
    order.write_text(text)
    assert main([str(order)]) == 1
    assert "train_localiser: the training file" in capsys.readouterr().err


def test_a_folder_without_cases_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--out", str(tmp_path / "no.safetensors")]) == 1
    assert "laid out like VerSe" in capsys.readouterr().err

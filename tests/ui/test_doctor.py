"""The doctor names what a department would find out too late."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ui.composition import House, open_house
from ui.doctor_command import examine
from vfscreen.cases import ModelRow, NewSeries, TrainingRun
from vfscreen.data_folder import DataFolder
from vfscreen.findings import SeriesFacts
from vfscreen.importing import key_of


@pytest.fixture
def house(tmp_path: Path) -> House:
    """An open data folder without patients."""
    return open_house(DataFolder(tmp_path))


def faults_of(house: House) -> tuple[str, ...]:
    house.store.close()
    return examine(house.folder).faults


def test_a_lost_key_of_the_pseudonyms_is_a_fault_once_there_are_patients(house: House) -> None:
    key_of(house.store, house.folder.key)
    house.folder.key.unlink()
    assert faults_of(house) == ()
    house.store.add_series(NewSeries(Path("ct"), (Path("ct"),), SeriesFacts("nifti", pseudonym="P")))
    assert "the key of the pseudonyms is gone" in faults_of(house)[0]
    assert not house.folder.key.exists()


def test_a_model_that_the_store_knows_and_nobody_finds_is_a_fault(house: House) -> None:
    house.store.add_model(ModelRow("grader-gone", "grader", "abc"))
    assert "grader-gone" in faults_of(house)[0]


def test_a_reference_file_that_cannot_be_read_is_a_fault(house: House) -> None:
    house.folder.settings.write_text('reference_file = "healthy.csv"')
    assert "healthy.csv" in faults_of(house)[0]


def test_the_last_training_is_told_with_its_outcome(house: House) -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    house.store.record_training(TrainingRun(now, now, "grader-1", "grader-2", "refused", "May be worse."))
    assert "trainings: 1, the last 2026-11-25, refused: May be worse." in examine(house.folder).lines
    house.store.close()

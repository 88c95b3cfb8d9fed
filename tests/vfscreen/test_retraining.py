"""Retraining: which readings teach, what the trainer is told, and what becomes of the model that it makes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from db.store import Store, open_store
from vfscreen.anatomy import Level
from vfscreen.cases import LabelledBody, NewSeries, Split
from vfscreen.errors import NotEnoughLabels, SnapshotDamaged, WeightsDamaged
from vfscreen.findings import (
    Finding,
    Mode,
    NotAssessable,
    OtherDeformity,
    Phase,
    Reading,
    Screening,
    SeriesFacts,
    Vertebra,
)
from vfscreen.gate import GateRule
from vfscreen.genant import ReadGrade, SixPoints, axes_of, heights_of
from vfscreen.model_files import ModelCard, ModelKind, read_card, write_card
from vfscreen.model_shelf import Shelf, activate, in_use, roll_back
from vfscreen.retraining import Needs, Prepared, conclude, override, prepare, record_failure
from vfscreen.snapshot import label_of, patients_by_grade, read_snapshot, snapshot_of
from vfscreen.split import Shares as SplitShares
from vfscreen.split import draw_split
from vfscreen.training import Depth, Scored, Shares, Trained, TrainingOrder

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
RULE = GateRule(patients=3, fractured_patients=2, resamples=100)
NEEDS = Needs(patients=6, patients_a_grade=2, gate=RULE)
LEVELS = (Level.T11, Level.T12, Level.L1, Level.L2)
GRADES = (ReadGrade.NORMAL, ReadGrade.MILD, ReadGrade.MODERATE, ReadGrade.SEVERE)


def vertebra(level: Level, height_mm: float = 25.0) -> Vertebra:
    """A body 30 mm deep, in its place in a straight spine."""
    z = -30.0 * level.rank
    points = SixPoints.from_array(
        np.array([[0.0, y, z + s * height_mm / 2] for s in (1, -1) for y in (0.0, 15.0, 30.0)])
    )
    return Vertebra(
        level, True, True, np.array([0.0, 15.0, z]), 0.99, points, axes_of(points), heights_of(points), 0.7
    )


def pseudonyms(split: Split, count: int) -> list[str]:
    """Names whose hash draws this split."""
    drawn = (f"patient {number}" for number in range(10_000))
    return [name for name in drawn if draw_split(name, SplitShares()) is split][:count]


def graded_patient(store: Store, pseudonym: str, reader: str = "anna") -> None:
    """One series with one body of every grade, read first."""
    facts = SeriesFacts(kind="nifti", pseudonym=pseudonym, sha256=f"hash of {pseudonym}")
    path = Path("/ct") / f"{pseudonym}.nii.gz"
    series_id, _ = store.add_series(NewSeries(path, (path,), facts))
    findings = tuple(Finding(vertebra(level)) for level in LEVELS)
    store.record_screening(series_id, Screening(str(path), facts, findings, models={"grader": "g"}))
    for body, grade in zip(store.case(series_id, reader).bodies, GRADES, strict=True):
        store.store_reading(reading(body.body_id, grade, reader))


def reading(body_id: str, grade: ReadGrade | None, reader: str = "anna", minute: int = 0) -> Reading:
    time = NOON + timedelta(minutes=minute)
    return Reading(reader, body_id, 1, grade, Phase.FIRST, Mode.READ, order_known=False, time=time)


def put_model(folder: Path, model_id: str, parent: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{model_id}.safetensors"
    weights.write_bytes(model_id.encode())
    write_card(weights, ModelCard(model_id, ModelKind.GRADER, "compact-1", "CC-BY-SA-4.0", parent=parent))
    return weights


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a department with six patients to train on, three held out, two for the last test."""
    folder = tmp_path_factory.mktemp("department")
    with open_store(folder) as store:
        for split, count in ((Split.TRAIN, 6), (Split.HELD_OUT, 3), (Split.TEST, 2)):
            for pseudonym in pseudonyms(split, count):
                graded_patient(store, pseudonym)
    return folder


@pytest.fixture
def department(filled: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of that department's store, for one test to write in."""
    shutil.copytree(filled, tmp_path / "data")
    with open_store(tmp_path / "data") as store:
        yield store


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "bundled", tmp_path / "data" / "models")
    put_model(shelf.bundled, "grader-1")
    return shelf


def labelled(*readings: Reading, body: Vertebra | None = None) -> LabelledBody:
    return LabelledBody(
        "b",
        "s",
        "p",
        Split.TRAIN,
        (Path("ct"),),
        SeriesFacts("nifti"),
        body or vertebra(Level.L1),
        (),
        readings,
    )


def test_half_is_half_normal_and_half_mild() -> None:
    label = label_of(labelled(reading("b", ReadGrade.BORDERLINE)))
    assert label is not None and label.shares == (0.5, 0.5, 0.0, 0.0)


def test_several_readers_make_a_soft_label() -> None:
    said = (ReadGrade.MILD, ReadGrade.MODERATE, ReadGrade.MODERATE, ReadGrade.BORDERLINE)
    label = label_of(labelled(*(reading("b", grade, f"reader {i}") for i, grade in enumerate(said))))
    assert label is not None and label.shares == (0.125, 0.375, 0.5, 0.0)


def test_what_is_not_a_first_grade_of_a_measured_body_teaches_nothing() -> None:
    graded = reading("b", ReadGrade.MILD)
    assert label_of(labelled(graded)) is not None
    assert label_of(labelled(replace(graded, phase=Phase.FINAL))) is None
    assert label_of(labelled(replace(graded, grade=None, not_assessable=NotAssessable.MOTION))) is None
    assert label_of(labelled(replace(graded, other_deformity=OtherDeformity.SCHEUERMANN))) is None
    assert label_of(labelled(graded, body=replace(vertebra(Level.L1), points=None))) is None


def test_labels_are_split_by_patient_and_test_patients_are_left_alone(department: Store) -> None:
    snapshot = snapshot_of(department.labelled_bodies())
    assert {label.pseudonym for label in snapshot.train} == set(pseudonyms(Split.TRAIN, 6))
    assert {label.pseudonym for label in snapshot.held_out} == set(pseudonyms(Split.HELD_OUT, 3))
    assert patients_by_grade(snapshot.train) == {0: 6, 1: 6, 2: 6, 3: 6}


def test_a_corrected_reading_trains_with_its_correction(department: Store) -> None:
    body = snapshot_of(department.labelled_bodies()).train[0].body_id
    department.store_reading(reading(body, ReadGrade.SEVERE, minute=5))
    label = next(label for label in snapshot_of(department.labelled_bodies()).train if label.body_id == body)
    assert label.shares == (0.0, 0.0, 0.0, 1.0)


def test_the_snapshot_on_disk_is_the_one_that_was_taken(
    department: Store, shelf: Shelf, tmp_path: Path
) -> None:
    prepared = prepare(department, shelf, tmp_path / "training", NEEDS)
    again = read_snapshot(prepared.order.snapshot)
    assert again.digest == prepared.snapshot.digest
    first, same = prepared.snapshot.train[0], again.train[0]
    assert same.shares == first.shares and same.files == first.files
    assert same.vertebra.points is not None and first.vertebra.points is not None
    assert np.array_equal(same.vertebra.points.array(), first.vertebra.points.array())
    assert [body.level for body in same.neighbours] == [body.level for body in first.neighbours]


def test_a_changed_snapshot_is_refused(department: Store, shelf: Shelf, tmp_path: Path) -> None:
    path = prepare(department, shelf, tmp_path / "training", NEEDS).order.snapshot
    content = json.loads(path.read_text())
    content["labels"]["train"][0]["shares"] = [0.25, 0.25, 0.25, 0.25]
    path.write_text(json.dumps(content))
    with pytest.raises(SnapshotDamaged, match="start the training again"):
        read_snapshot(path)
    path.unlink()
    with pytest.raises(SnapshotDamaged):
        read_snapshot(path)


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        (replace(NEEDS, patients=7), "6 patients for training are graded, 7 needed"),
        (replace(NEEDS, patients_a_grade=7), "6 patients for training have grade 0, 7 needed"),
        (
            replace(NEEDS, gate=replace(RULE, patients=4)),
            "3 patients kept aside for testing are graded, 4 needed",
        ),
    ],
)
def test_too_few_labels_are_told_with_their_count(
    department: Store, shelf: Shelf, tmp_path: Path, needs: Needs, words: str
) -> None:
    with pytest.raises(NotEnoughLabels, match=words):
        prepare(department, shelf, tmp_path / "training", needs)
    assert not (tmp_path / "training").exists(), "nothing was written"


def test_a_training_starts_from_the_bundled_model_and_is_compared_with_the_one_in_use(
    department: Store, shelf: Shelf, tmp_path: Path
) -> None:
    put_model(shelf.local, "grader-2")
    activate(shelf, "grader-2")
    order = prepare(department, shelf, tmp_path / "training", NEEDS, depth=Depth.REFRESH, steps=5).order
    assert order.start == shelf.bundled / "grader-1.safetensors"
    assert order.champion == shelf.local / "grader-2.safetensors"
    assert order.depth is Depth.REFRESH and order.steps == 5
    assert TrainingOrder.from_json(json.loads(json.dumps(order.to_json()))) == order


def scored(prepared: Prepared, right: bool) -> tuple[Scored, ...]:
    """A model that is always right, or one that calls every body normal."""
    normal: Shares = (1.0, 0.0, 0.0, 0.0)
    return tuple(
        Scored(label.body_id, label.pseudonym, label.shares, label.shares if right else normal)
        for label in prepared.snapshot.held_out
    )


def trained(shelf: Shelf, prepared: Prepared, *, champion: bool, challenger: bool) -> Trained:
    """What the trainer would hand back: its model on the shelf, both models scored, right or wrong."""
    weights = put_model(shelf.local, prepared.order.challenger, parent="grader-1")
    result = Trained(weights, (2.0, 1.0), scored(prepared, champion), scored(prepared, challenger))
    assert Trained.from_json(json.loads(json.dumps(result.to_json()))) == result
    return result


def test_a_better_challenger_is_put_to_use_and_recorded(
    department: Store, shelf: Shelf, tmp_path: Path
) -> None:
    prepared = prepare(department, shelf, tmp_path / "training", NEEDS)
    result = trained(shelf, prepared, champion=False, challenger=True)
    conclusion = conclude(department, shelf, prepared, result, RULE, "anna")
    assert conclusion.decision.accepted
    assert in_use(shelf, ModelKind.GRADER).model.card.id == conclusion.in_use == prepared.order.challenger
    run = department.training_runs()[0]
    assert (run.outcome, run.champion, run.run_id) == ("accepted", "grader-1", conclusion.run_id)
    assert run.figures["compared"][0]["challenger"] == 1.0
    assert department.events()[-1].what == "model accepted"
    assert department.models()[-1].parent == "grader-1"
    assert roll_back(shelf, ModelKind.GRADER).card.id == "grader-1"


def test_a_worsened_challenger_is_refused_and_kept(department: Store, shelf: Shelf, tmp_path: Path) -> None:
    prepared = prepare(department, shelf, tmp_path / "training", NEEDS)
    result = trained(shelf, prepared, champion=True, challenger=False)
    conclusion = conclude(department, shelf, prepared, result, RULE, "anna")
    assert not conclusion.decision.accepted and conclusion.in_use == "grader-1"
    assert in_use(shelf, ModelKind.GRADER).model.card.id == "grader-1"
    assert "May be worse: finds grade 2-3: 0.00 against 1.00" in department.training_runs()[0].reason
    assert read_card(conclusion.challenger.weights).id == prepared.order.challenger, "it is kept"


def test_a_person_may_overrule_the_gate_and_the_audit_says_who(
    department: Store, shelf: Shelf, tmp_path: Path
) -> None:
    prepared = prepare(department, shelf, tmp_path / "training", NEEDS)
    result = trained(shelf, prepared, champion=True, challenger=False)
    refused = conclude(department, shelf, prepared, result, RULE, "anna").challenger.card.id
    override(department, shelf, refused, "bert", "it finds our biconcave ones")
    assert in_use(shelf, ModelKind.GRADER).model.card.id == refused
    event = department.events()[-1]
    assert (event.who, event.what, event.about) == ("bert", "gate overridden", refused)
    assert event.details["before"] == "grader-1" and event.details["why"] == "it finds our biconcave ones"


def test_a_tampered_challenger_is_refused_and_the_previous_model_stays(
    department: Store, shelf: Shelf, tmp_path: Path
) -> None:
    prepared = prepare(department, shelf, tmp_path / "training", NEEDS)
    result = trained(shelf, prepared, champion=False, challenger=True)
    result.weights.write_bytes(b"swapped")
    with pytest.raises(WeightsDamaged):
        conclude(department, shelf, prepared, result, RULE, "anna")
    assert in_use(shelf, ModelKind.GRADER).model.card.id == "grader-1"
    assert department.training_runs() == []


def test_a_champion_that_changed_meanwhile_was_not_the_one_compared_with(
    department: Store, shelf: Shelf, tmp_path: Path
) -> None:
    prepared = prepare(department, shelf, tmp_path / "training", NEEDS)
    put_model(shelf.local, "grader-2")
    activate(shelf, "grader-2")
    result = trained(shelf, prepared, champion=False, challenger=True)
    conclusion = conclude(department, shelf, prepared, result, RULE, "anna")
    assert not conclusion.decision.accepted and conclusion.in_use == "grader-2"
    assert "grader-2 was put to use meanwhile" in conclusion.decision.reason


def test_a_decision_beside_a_damaged_pointer_says_so(department: Store, shelf: Shelf, tmp_path: Path) -> None:
    prepared = prepare(department, shelf, tmp_path / "training", NEEDS)
    result = trained(shelf, prepared, champion=False, challenger=True)
    (shelf.local / "active-grader.pointer").write_text("{")
    conclusion = conclude(department, shelf, prepared, result, RULE, "anna")
    assert conclusion.decision.accepted
    assert "The chosen grader cannot be used: the pointer to it cannot be read" in conclusion.decision.reason


def test_a_cancelled_training_is_recorded_and_changes_nothing(
    department: Store, shelf: Shelf, tmp_path: Path
) -> None:
    prepared = prepare(department, shelf, tmp_path / "training", NEEDS)
    record_failure(department, prepared, "cancelled", "taken back by anna")
    assert department.training_runs()[0].outcome == "cancelled"
    assert in_use(shelf, ModelKind.GRADER).model.card.id == "grader-1"

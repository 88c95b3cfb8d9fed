"""Model files: what a card says is checked, what is damaged is refused, and going back always works."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vfscreen.errors import ModelRefused, NoSuchThing, WeightsDamaged
from vfscreen.model_files import (
    ModelCard,
    ModelKind,
    TrainingData,
    card_path,
    checked,
    read_card,
    sha256_of,
    write_card,
)
from vfscreen.model_shelf import (
    Difference,
    InUse,
    Shelf,
    activate,
    bundled_model,
    compare_cards,
    damaged_on,
    export_model,
    id_in_use,
    import_model,
    in_use,
    model_called,
    models_on,
    previous,
    roll_back,
)

GRADER = ModelKind.GRADER


def put_model(folder: Path, model_id: str, content: bytes = b"weights", **fields: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{model_id}.safetensors"
    weights.write_bytes(content)
    card = ModelCard(id=model_id, kind=GRADER, architecture="compact-1", licence="CC-BY-SA-4.0")
    write_card(weights, replace(card, **fields))  # type: ignore[arg-type]  # any field of the card
    return weights


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "bundled", tmp_path / "local")
    put_model(shelf.bundled, "grader-1", b"first")
    put_model(shelf.local, "grader-2", b"second")
    put_model(shelf.local, "grader-3", b"third")
    return shelf


def used(shelf: Shelf) -> str:
    return in_use(shelf, GRADER).model.card.id


def test_a_card_comes_back_as_it_was_written(tmp_path: Path) -> None:
    source = TrainingData("VerSe 005", "CC BY-SA 4.0", note="grade 1 at L1-L4")
    weights = put_model(
        tmp_path, "grader-x", data=(source,), metrics={"auroc": {"value": 0.9, "low": 0.8}},
        config={"width": 24}, training_patients=("p1",), parent="grader-1",
    )  # fmt: skip
    card = read_card(weights)
    assert card.data == (source,)
    assert card.config == {"width": 24} and card.training_patients == ("p1",) and card.parent == "grader-1"
    assert card.created and "Research use only" in card.notice
    assert checked(weights, GRADER).content == b"weights"


def test_weights_that_were_changed_are_refused_with_their_place(tmp_path: Path) -> None:
    weights = put_model(tmp_path, "grader-x")
    weights.write_bytes(b"weightS")
    with pytest.raises(WeightsDamaged) as refused:
        checked(weights)
    assert "not those of the card" in refused.value.what
    assert refused.value.where == str(weights) and refused.value.todo


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": "other"}', '{"schema": "vfscreen/model-card/1"}']
)
def test_a_damaged_card_is_refused(tmp_path: Path, text: str) -> None:
    weights = put_model(tmp_path, "grader-x")
    card_path(weights).write_text(text)
    with pytest.raises(WeightsDamaged, match="card is damaged"):
        checked(weights)


def test_missing_weights_missing_cards_and_other_kinds_are_refused(tmp_path: Path) -> None:
    weights = put_model(tmp_path, "grader-x")
    with pytest.raises(WeightsDamaged, match="is a grader, not a localiser"):
        checked(weights, ModelKind.LOCALISER)
    weights.unlink()
    with pytest.raises(WeightsDamaged, match="cannot be read"):
        checked(weights)
    with pytest.raises(WeightsDamaged, match="there is no such model file"):
        checked(tmp_path / "nothing.safetensors")
    (tmp_path / "bare.safetensors").write_bytes(b"weights")
    with pytest.raises(WeightsDamaged, match="no readable card"):
        checked(tmp_path / "bare.safetensors")


def test_a_model_id_is_a_file_name_and_no_path() -> None:
    with pytest.raises(ValueError, match="model id"):
        ModelCard(id="../grader", kind=GRADER, architecture="a", licence="l")


def test_without_a_choice_the_newest_bundled_model_is_in_use(shelf: Shelf) -> None:
    put_model(shelf.bundled, "grader-0", created="2001-01-01T00:00:00+00:00")
    assert in_use(shelf, GRADER).warning == ""
    assert used(shelf) == "grader-1"
    assert previous(shelf, GRADER) is None


def test_activating_and_going_back_walks_the_history(shelf: Shelf) -> None:
    activate(shelf, "grader-2")
    activate(shelf, "grader-3")
    activate(shelf, "grader-3")
    assert used(shelf) == "grader-3" and previous(shelf, GRADER) == "grader-2"
    assert roll_back(shelf, GRADER).card.id == "grader-2"
    assert previous(shelf, GRADER) == "grader-1"
    assert roll_back(shelf, GRADER).card.id == "grader-1"
    assert used(shelf) == "grader-1"
    with pytest.raises(ModelRefused, match="before this one"):
        roll_back(shelf, GRADER)


def test_a_tampered_model_is_not_activated_and_the_one_in_use_stays(shelf: Shelf) -> None:
    activate(shelf, "grader-2")
    (shelf.local / "grader-3.safetensors").write_bytes(b"evil")
    with pytest.raises(WeightsDamaged):
        activate(shelf, "grader-3")
    assert used(shelf) == "grader-2"


def test_a_model_damaged_while_in_use_falls_back_and_says_so(shelf: Shelf) -> None:
    activate(shelf, "grader-2")
    activate(shelf, "grader-3")
    (shelf.local / "grader-3.safetensors").write_bytes(b"rotten")
    found = in_use(shelf, GRADER)
    assert found.model.card.id == "grader-2"
    assert "cannot be used" in found.warning and "grader-2 is used instead" in found.warning
    (shelf.local / "grader-2.safetensors").unlink()
    assert in_use(shelf, GRADER).model.card.id == "grader-1"
    assert in_use(shelf, GRADER).warning.count(";") == 1, "both troubles are told, as long as nobody decides"


def test_another_model_under_the_same_id_is_not_taken_for_the_chosen_one(shelf: Shelf) -> None:
    activate(shelf, "grader-2")
    put_model(shelf.local, "grader-2", b"another")
    assert "another model" in in_use(shelf, GRADER).warning
    assert used(shelf) == "grader-1"
    activate(shelf, "grader-2")
    assert in_use(shelf, GRADER).warning == ""
    assert used(shelf) == "grader-2"


def test_a_damaged_pointer_is_told_and_a_damaged_bundled_model_is_an_error(shelf: Shelf) -> None:
    activate(shelf, "grader-2")
    (shelf.local / "active-grader.pointer").write_text("{")
    assert "pointer" in in_use(shelf, GRADER).warning
    with pytest.raises(ModelRefused, match="which grader was in use before is not known"):
        roll_back(shelf, GRADER)
    (shelf.bundled / "grader-1.safetensors").write_bytes(b"rotten")
    with pytest.raises(WeightsDamaged):
        in_use(shelf, GRADER)


def test_the_id_in_use_is_told_without_a_look_at_the_weights(shelf: Shelf) -> None:
    assert id_in_use(shelf, GRADER) == "grader-1"
    activate(shelf, "grader-2")
    (shelf.local / "grader-2.safetensors").write_bytes(b"rotten")
    assert id_in_use(shelf, GRADER) == "grader-2"
    assert id_in_use(shelf, ModelKind.LOCALISER) is None


def test_a_damaged_pointer_is_kept_aside_when_another_model_is_put_to_use(shelf: Shelf) -> None:
    pointer = shelf.local / "active-grader.pointer"
    for _ in range(2):
        pointer.write_text("{")
        aside = activate(shelf, "grader-3").warning.rpartition("kept as ")[2].rstrip(".")
        assert Path(aside).read_text() == "{"
    assert in_use(shelf, GRADER) == InUse(model_called(shelf, "grader-3"))
    assert len(list(shelf.local.glob("*.damaged-*"))) == 2


def test_taking_a_model_in_again_mends_the_damaged_one(shelf: Shelf, tmp_path: Path) -> None:
    copy = export_model(shelf, "grader-2", tmp_path / "stick")
    (shelf.local / "grader-2.safetensors").write_bytes(b"rotten")
    assert import_model(shelf, copy).weights.read_bytes() == b"second"
    assert damaged_on(shelf) == []


def test_a_damaged_bundled_model_is_not_taken_for_whole(shelf: Shelf, tmp_path: Path) -> None:
    copy = export_model(shelf, "grader-1", tmp_path / "stick")
    (shelf.bundled / "grader-1.safetensors").write_bytes(b"rotten")
    with pytest.raises(WeightsDamaged):
        import_model(shelf, copy)


def test_the_list_passes_over_what_is_damaged_and_the_check_names_it(shelf: Shelf) -> None:
    card_path(shelf.local / "grader-2.safetensors").write_text("{")
    (shelf.local / "grader-3.safetensors").write_bytes(b"rotten")
    (shelf.local / "stray.safetensors").write_bytes(b"without a card")
    assert [model.card.id for model in models_on(shelf, GRADER)] == ["grader-1", "grader-3"]
    assert models_on(shelf, ModelKind.LOCALISER) == []
    assert [Path(error.where).name for error in damaged_on(shelf)] == [
        "grader-2.json",
        "grader-3.safetensors",
    ]


def test_what_is_not_there_is_said(shelf: Shelf) -> None:
    with pytest.raises(NoSuchThing, match="grader-9"):
        model_called(shelf, "grader-9")
    with pytest.raises(NoSuchThing, match="no localiser"):
        bundled_model(shelf, ModelKind.LOCALISER)


def test_a_model_travels_to_another_department(shelf: Shelf, tmp_path: Path) -> None:
    weights = export_model(shelf, "grader-2", tmp_path / "stick")
    other = Shelf(shelf.bundled, tmp_path / "other")
    taken = import_model(other, weights)
    assert taken.card == model_called(shelf, "grader-2").card and not taken.bundled
    assert import_model(other, weights) == taken, "a second time changes nothing"
    assert used(other) == "grader-1", "taking in is not putting to use"
    put_model(tmp_path / "stick", "grader-2", b"another")
    with pytest.raises(ModelRefused, match="another model has this id"):
        import_model(other, weights)


def test_two_cards_are_compared_figure_by_figure() -> None:
    card = ModelCard(id="a", kind=GRADER, architecture="x", licence="l")
    first = replace(card, metrics={"auroc": {"value": 0.9, "name": "text"}, "kappa": 0.7, "checked": True})
    second = replace(card, metrics={"auroc": {"value": 0.8}, "recall": 1})
    with pytest.raises(ModelRefused, match="a grader cannot be compared with a localiser"):
        compare_cards(first, replace(second, kind=ModelKind.LOCALISER))
    assert compare_cards(first, second) == [
        Difference("auroc.value", 0.9, 0.8),
        Difference("kappa", 0.7, None),
        Difference("recall", None, 1.0),
    ]


def test_the_demo_ct_is_known_as_a_training_case_of_the_bundled_models(demo_ct: Path) -> None:
    """Its patient always trains, so that no gate ever scores a bundled model on it."""
    for name in ("localiser", "grader"):
        card = read_card(Path(__file__).parents[2] / "models" / "weights" / f"{name}.safetensors")
        assert sha256_of(demo_ct) in card.training_files

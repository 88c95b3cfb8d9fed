"""Which models there are and which one is in use: the bundled ones, the department's own, and the pointer between.

The pointer is a small file in the data folder; activating is one atomic rename of it after the sha256 was checked.
It keeps the history of what was put to use, so that going back always works; before its first entry, and without a
pointer, the bundled model is in use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vfscreen.durable import write_durably
from vfscreen.errors import ModelRefused, NoSuchThing, WeightsDamaged
from vfscreen.model_files import (
    WEIGHTS_SUFFIX,
    CheckedWeights,
    ModelCard,
    ModelFile,
    ModelKind,
    checked,
    read_card,
    weights_in,
    write_card,
)

_POINTER_SCHEMA = "vfscreen/active-model/1"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where models lie: the folder that came with the program (read-only) and the department's own."""

    bundled: Path
    local: Path


@dataclass(frozen=True, slots=True)
class InUse:
    """The model in use. `warning` is what to show: that it is not the one that was chosen, or that the way back to
    those before it is lost; empty otherwise."""

    model: ModelFile
    warning: str = ""


@dataclass(frozen=True, slots=True)
class _Chosen:
    id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two model cards side by side; None where a card does not have it."""

    name: str
    first: float | None
    second: float | None


def models_on(shelf: Shelf, kind: ModelKind | None = None) -> list[ModelFile]:
    """Lists the models, bundled ones first; a card that cannot be read is passed over (`damaged_on` names it)."""
    return [model for model in _readable(shelf)[0] if kind is None or model.card.kind is kind]


def damaged_on(shelf: Shelf) -> list[WeightsDamaged]:
    """Checks every model on the shelf, weights and all, and returns what is wrong."""
    found, damaged = _readable(shelf)
    return damaged + [fault for model in found if (fault := _fault_of(model)) is not None]


def model_called(shelf: Shelf, model_id: str) -> ModelFile:
    """Returns the model with this id.

    Raises:
        NoSuchThing: there is none.
    """
    for model in models_on(shelf):
        if model.card.id == model_id:
            return model
    raise NoSuchThing("there is no such model", model_id, "see `vfscreen models list`")


def bundled_model(shelf: Shelf, kind: ModelKind) -> ModelFile:
    """Returns the newest bundled model of a kind.

    Raises:
        NoSuchThing: the program came without one.
    """
    found = [model for model in models_on(shelf, kind) if model.bundled]
    if not found:
        raise NoSuchThing(f"no {kind} came with the program", str(shelf.bundled), "install vfscreen again")
    return max(found, key=lambda model: model.card.created)


def in_use(shelf: Shelf, kind: ModelKind) -> InUse:
    """Returns the model in use, whose weights were checked now.

    If the chosen one is damaged or gone, the last one before it that is whole is used, and the warning says so; the
    pointer is left as it is, so that the warning stays until someone decides.

    Raises:
        WeightsDamaged, NoSuchThing: not even the bundled model is whole.
    """
    pointer, troubles = _pointer(shelf, kind)
    for chosen in reversed(pointer):
        try:
            model = _as_chosen(shelf, chosen, kind)
        except (WeightsDamaged, NoSuchThing) as error:
            troubles.append(f"{error.what} ({error.where})")
            continue
        return InUse(model, _fell_back(troubles, model))
    model = bundled_model(shelf, kind)
    checked(model.weights, kind)
    return InUse(model, _fell_back(troubles, model))


def id_in_use(shelf: Shelf, kind: ModelKind) -> str | None:
    """Returns the id of the model that was put to use last, else of the bundled one, None if there is none.

    Cards alone are read: it is quick, and does not say whether the weights are whole (`in_use` does).
    """
    history, _ = _pointer(shelf, kind)
    if history:
        return history[-1].id
    try:
        return bundled_model(shelf, kind).card.id
    except NoSuchThing:
        return None


def activate(shelf: Shelf, model_id: str) -> InUse:
    """Puts a model to use, after its weights were checked; the one before stays on the way back.

    A pointer that cannot be read is kept aside, since the way back stands in it, and the warning says where.

    Raises:
        NoSuchThing: no model has this id.
        WeightsDamaged: its weights are not what its card says; nothing was changed.
    """
    model = model_called(shelf, model_id)
    kind = model.card.kind
    checked(model.weights, kind)
    chosen = _Chosen(model.card.id, model.card.sha256)
    history, troubles = _pointer(shelf, kind)
    warning = ""
    if troubles:
        aside = _set_aside(_pointer_path(shelf, kind))
        warning = f"The way back to earlier models is lost: {'; '.join(troubles)}. It is kept as {aside}."
    if not history or history[-1] != chosen:
        _write_pointer(shelf, kind, [*history, chosen])
    return InUse(model, warning)


def roll_back(shelf: Shelf, kind: ModelKind) -> ModelFile:
    """Goes back to the model that was in use before.

    Raises:
        ModelRefused: there is none before, or the pointer, where that would stand, cannot be read.
        WeightsDamaged, NoSuchThing: it is damaged or gone; nothing was changed.
    """
    history, troubles = _pointer(shelf, kind)
    if troubles:
        raise ModelRefused(
            f"which {kind} was in use before is not known: {'; '.join(troubles)}",
            str(_pointer_path(shelf, kind)),
            "choose one with `vfscreen models activate`",
        )
    if not history:
        raise ModelRefused(
            f"no {kind} was in use before this one",
            str(shelf.local),
            "choose one with `vfscreen models activate`",
        )
    model = _as_chosen(shelf, history[-2], kind) if len(history) > 1 else bundled_model(shelf, kind)
    checked(model.weights, kind)
    _write_pointer(shelf, kind, history[:-1])
    return model


def previous(shelf: Shelf, kind: ModelKind) -> str | None:
    """Returns the id of the model that `roll_back` would go to, None if there is none."""
    history = _pointer(shelf, kind)[0]
    if not history:
        return None
    return history[-2].id if len(history) > 1 else bundled_model(shelf, kind).card.id


def export_model(shelf: Shelf, model_id: str, folder: Path) -> Path:
    """Copies a model's weights and card to a folder; returns where the weights are."""
    return _copy(checked(model_called(shelf, model_id).weights), folder)


def import_model(shelf: Shelf, weights: Path) -> ModelFile:
    """Takes a model file (with its card beside it) into the department's own; it is not put to use.

    One of the department's own that was damaged since is mended by it.

    Raises:
        WeightsDamaged: the file is not what its card says, or a bundled model of this id is damaged.
        ModelRefused: another model has the same id.
    """
    taken = checked(weights)
    card = taken.card
    for known in models_on(shelf):
        if known.card.id != card.id:
            continue
        if known.card.sha256 != card.sha256:
            raise ModelRefused(
                "another model has this id", card.id, "the file was not taken in; rename its id"
            )
        fault = _fault_of(known)
        if fault is None:
            return known
        if known.bundled:
            raise fault
    return ModelFile(_copy(taken, shelf.local), card, bundled=False)


def compare_cards(first: ModelCard, second: ModelCard) -> list[Difference]:
    """Puts the figures of two cards side by side, by name.

    Raises:
        ModelRefused: they are not of one kind, so that no figure of the one means anything to the other.
    """
    if first.kind != second.kind:
        raise ModelRefused(
            f"a {first.kind} cannot be compared with a {second.kind}",
            f"{first.id}, {second.id}",
            "name two of a kind",
        )
    one, two = _figures(first.metrics), _figures(second.metrics)
    return [Difference(name, one.get(name), two.get(name)) for name in dict.fromkeys([*one, *two])]


def _readable(shelf: Shelf) -> tuple[list[ModelFile], list[WeightsDamaged]]:
    found: list[ModelFile] = []
    damaged: list[WeightsDamaged] = []
    for folder, bundled in ((shelf.bundled, True), (shelf.local, False)):
        for weights in weights_in(folder):
            try:
                found.append(ModelFile(weights, read_card(weights), bundled))
            except WeightsDamaged as error:
                damaged.append(error)
    return found, damaged


def _fault_of(model: ModelFile) -> WeightsDamaged | None:
    try:
        checked(model.weights)
    except WeightsDamaged as error:
        return error
    return None


def _as_chosen(shelf: Shelf, chosen: _Chosen, kind: ModelKind) -> ModelFile:
    """Returns a model of the pointer's history if it is still the very file that was put to use."""
    model = model_called(shelf, chosen.id)
    checked(model.weights, kind)
    if model.card.sha256 != chosen.sha256:
        raise WeightsDamaged(
            "this is another model under the id of the one that was put to use",
            str(model.weights),
            "put it to use again if it is meant",
        )
    return model


def _fell_back(troubles: list[str], model: ModelFile) -> str:
    if not troubles:
        return ""
    return f"The chosen {model.card.kind} cannot be used: {'; '.join(troubles)}. {model.card.id} is used instead."


def _pointer_path(shelf: Shelf, kind: ModelKind) -> Path:
    return shelf.local / f"active-{kind}.pointer"


def _pointer(shelf: Shelf, kind: ModelKind) -> tuple[list[_Chosen], list[str]]:
    """Reads the history of what was put to use, newest last, and what is wrong with the pointer itself."""
    path = _pointer_path(shelf, kind)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [_Chosen(str(entry["id"]), str(entry["sha256"])) for entry in content["history"]], []
    except FileNotFoundError:
        return [], []
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [], [f"the pointer to it cannot be read, {error} ({path})"]


def _set_aside(pointer: Path) -> Path:
    """Renames a damaged pointer, over none that was kept before, and returns its new name."""
    number = 1
    while (aside := pointer.with_name(f"{pointer.name}.damaged-{number}")).exists():
        number += 1
    return pointer.rename(aside)


def _write_pointer(shelf: Shelf, kind: ModelKind, history: list[_Chosen]) -> None:
    content = {"schema": _POINTER_SCHEMA, "history": [asdict(entry) for entry in history]}
    write_durably(_pointer_path(shelf, kind), (json.dumps(content, indent=1) + "\n").encode())


def _copy(model: CheckedWeights, folder: Path) -> Path:
    """Writes weights and card to a folder, the card last: a model is on the shelf only once its card is."""
    target = folder / f"{model.card.id}{WEIGHTS_SUFFIX}"
    write_durably(target, model.content)
    write_card(target, model.card)
    return target


def _figures(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Flattens a card's metrics to numbers by dotted name; of a figure with its interval, the value."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            found |= _figures(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{prefix}{name}"] = float(value)
    return found

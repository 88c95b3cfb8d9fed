"""Model files: safetensors with a JSON card beside it, never a pickle; sha256 is checked before a byte is used."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from vfscreen import NOTICE
from vfscreen.durable import write_durably
from vfscreen.errors import WeightsDamaged

CARD_SCHEMA = "vfscreen/model-card/1"
WEIGHTS_SUFFIX = ".safetensors"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}", re.IGNORECASE)  # it becomes a file name on every system


class ModelKind(StrEnum):
    """What a model does."""

    LOCALISER = "localiser"
    GRADER = "grader"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """One source of training data: its name, the licence it came under, how many patients, and a remark."""

    name: str
    licence: str
    patients: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of a model; every field stands in the JSON beside its weights.

    `config` is what the architecture is built from; `metrics` are figures by name: a number, or a mapping with
    `value`, `low`, `high`, `count`. `training_patients` names whom it has seen, so that no one scores it on them;
    `training_files` are the sha256 of their CT, by which a department's store knows them again.
    `sha256` is that of the safetensors file (`write_card` fills it in); `parent` the id it was trained from.
    """

    id: str
    kind: ModelKind
    architecture: str
    licence: str
    config: dict[str, Any] = field(default_factory=dict)
    data: tuple[TrainingData, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    training_patients: tuple[str, ...] = ()
    training_files: tuple[str, ...] = ()
    parent: str = ""
    created: str = ""
    notes: str = ""
    sha256: str = ""
    notice: str = NOTICE

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"a model id is letters, digits, dot, dash and underscore, not {self.id!r}")


@dataclass(frozen=True, slots=True)
class CheckedWeights:
    """The bytes of a safetensors file that are what the card says; load these, not the file again."""

    card: ModelCard
    content: bytes


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk: where its weights lie, what its card says, whether it came with the program."""

    weights: Path
    card: ModelCard
    bundled: bool


def card_path(weights: Path) -> Path:
    """Returns where the card of a weights file lies: the same name with `.json`."""
    return weights.with_suffix(".json")


def sha256_of(path: Path) -> str:
    """Returns the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_card(weights: Path) -> ModelCard:
    """Reads the card beside a weights file; the weights themselves are not looked at.

    Raises:
        WeightsDamaged: there is no card, or it is not one of ours.
    """
    path = card_path(weights)
    try:
        return card_from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        if not weights.exists():
            raise WeightsDamaged("there is no such model file", str(weights), "check the path") from error
        raise WeightsDamaged("a model has no readable card", str(path), _REINSTALL) from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsDamaged(f"a model's card is damaged ({error})", str(path), _REINSTALL) from error


def write_card(weights: Path, card: ModelCard) -> ModelCard:
    """Writes the card beside existing weights, with their sha256 and the time; returns it as written."""
    created = card.created or datetime.now(UTC).isoformat(timespec="seconds")
    sealed = replace(card, sha256=sha256_of(weights), created=created)
    text = json.dumps(card_to_json(sealed), indent=1, ensure_ascii=False) + "\n"
    write_durably(card_path(weights), text.encode())
    return sealed


def checked(weights: Path, kind: ModelKind | None = None) -> CheckedWeights:
    """Reads weights whose bytes have the sha256 that the card names (and, if given, are of this kind).

    Raises:
        WeightsDamaged: weights or card are missing, damaged, tampered with or of another kind.
    """
    card = read_card(weights)
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise WeightsDamaged("a model's weights cannot be read", str(weights), _REINSTALL) from error
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise WeightsDamaged(
            f"the weights are not those of the card (sha256 {found[:12]}…, not {card.sha256[:12]}…)",
            str(weights),
            _REINSTALL,
        )
    if kind is not None and card.kind is not kind:
        raise WeightsDamaged(
            f"this model is a {card.kind}, not a {kind}", str(weights), "choose another file"
        )
    return CheckedWeights(card, content)


def weights_in(folder: Path) -> list[Path]:
    """Lists the weights files of a folder that have a card, by name; nothing is checked."""
    return [path for path in sorted(folder.glob(f"*{WEIGHTS_SUFFIX}")) if card_path(path).is_file()]


def card_to_json(card: ModelCard) -> dict[str, Any]:
    """Writes a card as its JSON object."""
    return {"schema": CARD_SCHEMA, **asdict(card), "kind": str(card.kind)}


def card_from_json(content: dict[str, Any]) -> ModelCard:
    """Reads a card; keys that a newer vfscreen added are passed over.

    Raises:
        ValueError, KeyError, TypeError: it is not a card.
    """
    if content["schema"] != CARD_SCHEMA:
        raise ValueError(f"schema {content['schema']!r}")
    return ModelCard(
        id=str(content["id"]),
        kind=ModelKind(content["kind"]),
        architecture=str(content["architecture"]),
        licence=str(content["licence"]),
        config=dict(content["config"]),
        data=tuple(TrainingData(**source) for source in content["data"]),
        metrics=dict(content["metrics"]),
        training_patients=tuple(str(name) for name in content["training_patients"]),
        training_files=tuple(str(digest) for digest in content.get("training_files", ())),
        parent=str(content["parent"]),
        created=str(content["created"]),
        notes=str(content.get("notes", "")),
        sha256=str(content["sha256"]),
        notice=str(content["notice"]),
    )


_REINSTALL = "install vfscreen again, or import the model file again"

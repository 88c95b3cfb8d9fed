"""The labels of one moment: which readings train and which test, kept as a file that cannot change unnoticed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vfscreen.cases import LabelledBody, Split
from vfscreen.durable import write_durably
from vfscreen.errors import SnapshotDamaged
from vfscreen.findings import Phase, SeriesFacts, Vertebra
from vfscreen.training import Shares, shares_of
from vfscreen.wire import facts_from_wire, facts_to_wire, vertebra_from_wire, vertebra_to_wire

_SCHEMA = "vfscreen/snapshot/1"


@dataclass(frozen=True, slots=True)
class Label:
    """A body that trains or tests: what its readers said, on the geometry they said it of."""

    body_id: str
    series_id: str
    pseudonym: str
    files: tuple[Path, ...]
    facts: SeriesFacts
    vertebra: Vertebra
    neighbours: tuple[Vertebra, ...]
    shares: Shares


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The labels of one moment; `digest` is the sha256 over all of them."""

    train: tuple[Label, ...]
    held_out: tuple[Label, ...]
    digest: str = ""


_SPLITS = (str(Split.TRAIN), str(Split.HELD_OUT))


def label_of(body: LabelledBody) -> Label | None:
    """Turns a body's first readings into a label; None if none of them gives a grade, or it was never measured.

    Several readers count alike, each with their last unsuperseded first reading; ½ is half 0 and half 1. A body with
    another deformity, or one that cannot be assessed, teaches nothing about fractures.
    """
    said = [
        reading.grade.soft()
        for reading in body.readings
        if reading.phase is Phase.FIRST
        and reading.grade is not None
        and reading.not_assessable is None
        and reading.other_deformity is None
    ]
    if not said or body.vertebra.points is None:
        return None
    return Label(
        body.body_id, body.series_id, body.pseudonym, body.files, body.facts, body.vertebra, body.neighbours,
        shares_of(np.mean(said, axis=0).tolist()),
    )  # fmt: skip


def snapshot_of(bodies: Sequence[LabelledBody]) -> Snapshot:
    """Splits the labels by their patients' split; test patients are left alone."""
    labels: dict[Split, list[Label]] = {split: [] for split in Split}
    for body in sorted(bodies, key=lambda body: body.body_id):
        label = label_of(body)
        if label is not None:
            labels[body.split].append(label)
    return sealed(Snapshot(tuple(labels[Split.TRAIN]), tuple(labels[Split.HELD_OUT])))


def sealed(snapshot: Snapshot) -> Snapshot:
    """Returns the snapshot with the digest of its labels."""
    return replace(snapshot, digest=_digest(_labels_to_json(snapshot.train, snapshot.held_out)))


def patients_by_grade(labels: Sequence[Label]) -> dict[int, int]:
    """Counts the patients with at least one body of each grade (the grade with the largest share)."""
    found = {(label.pseudonym, int(np.argmax(label.shares))) for label in labels}
    counted = Counter(grade for _, grade in found)
    return {grade: counted[grade] for grade in range(4)}


def write_snapshot(snapshot: Snapshot, folder: Path) -> Path:
    """Writes a snapshot to a folder under a name made of its digest; returns where."""
    path = folder / f"snapshot-{snapshot.digest[:16]}.json"
    labels = _labels_to_json(snapshot.train, snapshot.held_out)
    content = {"schema": _SCHEMA, "digest": snapshot.digest, "labels": labels}
    write_durably(path, json.dumps(content).encode())
    return path


def read_snapshot(path: Path) -> Snapshot:
    """Reads a snapshot that is what it was when it was taken.

    Raises:
        SnapshotDamaged: the file is missing, damaged or changed.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != _SCHEMA or content["digest"] != _digest(content["labels"]):
            raise ValueError("its labels are not those it was taken with")
        train, held_out = (tuple(map(_label_from_json, content["labels"][split])) for split in _SPLITS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SnapshotDamaged(
            "the labels to train on cannot be read", str(path), "start the training again"
        ) from error
    return Snapshot(train, held_out, content["digest"])


def _labels_to_json(train: Sequence[Label], held_out: Sequence[Label]) -> dict[str, Any]:
    return {
        split: [_label_to_json(label) for label in labels]
        for split, labels in zip(_SPLITS, (train, held_out), strict=True)
    }


def _label_to_json(label: Label) -> dict[str, Any]:
    return {
        "body_id": label.body_id,
        "series_id": label.series_id,
        "pseudonym": label.pseudonym,
        "files": [str(file) for file in label.files],
        "facts": facts_to_wire(label.facts),
        "vertebra": vertebra_to_wire(label.vertebra),
        "neighbours": [vertebra_to_wire(body) for body in label.neighbours],
        "shares": list(label.shares),
    }


def _label_from_json(content: dict[str, Any]) -> Label:
    return Label(
        body_id=content["body_id"],
        series_id=content["series_id"],
        pseudonym=content["pseudonym"],
        files=tuple(Path(file) for file in content["files"]),
        facts=facts_from_wire(content["facts"]),
        vertebra=vertebra_from_wire(content["vertebra"]),
        neighbours=tuple(vertebra_from_wire(body) for body in content["neighbours"]),
        shares=shares_of(content["shares"]),
    )


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

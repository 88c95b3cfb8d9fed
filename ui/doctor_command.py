"""`doctor`: what is installed, from where, and whether models and store are whole."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ui.composition import House, open_house, shelf_in
from vfscreen import NOTICE
from vfscreen.cases import TrainingRun
from vfscreen.data_folder import DataFolder
from vfscreen.errors import KnownError
from vfscreen.importing import key_of
from vfscreen.masks.total_segmentator import find_total_segmentator
from vfscreen.model_files import ModelKind
from vfscreen.model_shelf import damaged_on, in_use, models_on

ROOMS = ("vfscreen", "ui", "models", "db")
LIBRARIES = (
    "torch",
    "napari",
    "PySide6-Essentials",
    "pydicom",
    "python-gdcm",
    "SimpleITK",
    "highdicom",
    "SQLAlchemy",
    "numpy",
)


@dataclass(frozen=True, slots=True)
class Report:
    """What `doctor` says: every line, and those of them that are faults."""

    lines: tuple[str, ...]
    faults: tuple[str, ...]


def examine(folder: DataFolder) -> Report:
    """Looks at everything; a fault is a line that begins with FAULT."""
    lines = [
        f"vfscreen {_version('vfscreen')} on Python {sys.version.split()[0]}, {platform.platform()}",
        NOTICE,
    ]
    lines += [f"{name}: {_version(name)}" for name in LIBRARIES]
    lines.append(_total_segmentator())
    faults = []
    homes = {room: _home(room) for room in ROOMS}
    lines += [f"package {room} comes from {home or 'nowhere'}" for room, home in homes.items()]
    if len({home.parent for home in homes.values() if home}) != 1 or None in homes.values():
        faults.append(
            "the four packages do not come from one place: something else is called db, models or ui"
        )
    lines.append(f"data folder: {folder.root}")
    for look in (_look_at_models, _look_at_store):
        seen, wrong = look(folder)
        lines += seen
        faults += wrong
    lines += [f"FAULT: {fault}" for fault in faults] or ["nothing is wrong"]
    return Report(tuple(lines), tuple(faults))


def _total_segmentator() -> str:
    found = find_total_segmentator()
    if found is None:
        return "TotalSegmentator: not installed (it need not be)"
    return f"TotalSegmentator: {found.version or 'version unknown'} ({found.program})"


def _look_at_models(folder: DataFolder) -> tuple[list[str], list[str]]:
    shelf = shelf_in(folder)
    lines, faults = [], [str(error) for error in damaged_on(shelf)]
    for kind in ModelKind:
        try:
            used = in_use(shelf, kind)
        except KnownError as error:
            faults.append(str(error))
            continue
        lines.append(f"{kind} in use: {used.model.card.id} ({used.model.weights})")
        faults += [used.warning] if used.warning else []
    return lines, faults


def _look_at_store(folder: DataFolder) -> tuple[list[str], list[str]]:
    try:
        house = open_house(folder)
    except KnownError as error:
        return [], [str(error)]
    with house.store:
        lines = [f"store: {house.store.file}, {len(house.store.all_readings())} readings", *house.store.notes]
        lines += [f"audit: {len(house.store.events())} lines", _trainings(house.store.training_runs())]
        faults = [
            *house.store.check(),
            *_look_at_key(house),
            *_lost_models(house),
            *_look_at_reference(house),
        ]
        return lines, faults


def _trainings(newest_first: list[TrainingRun]) -> str:
    if not newest_first:
        return "trainings: none yet"
    last = newest_first[0]
    return f"trainings: {len(newest_first)}, the last {last.started:%Y-%m-%d}, {last.outcome}: {last.reason}"


def _lost_models(house: House) -> list[str]:
    """Models that the store knows must not vanish: readings and screenings point to them."""
    there = {model.card.id: model.card.sha256 for model in models_on(house.shelf)}
    return [
        f"the model {known.model_id} was trained here or put to use, and is no longer among the models"
        for known in house.store.models()
        if there.get(known.model_id) != known.sha256
    ]


def _look_at_key(house: House) -> list[str]:
    if not house.store.has_patients():
        return []
    try:
        key_of(house.store, house.folder.key)
    except KnownError as error:
        return [str(error)]
    return []


def _look_at_reference(house: House) -> list[str]:
    """A reference file that was chosen in the settings and cannot be read stops every screening."""
    try:
        house.settings.reference_choice(house.folder.root).table()
    except KnownError as error:
        return [str(error)]
    return []


def _home(room: str) -> Path | None:
    spec = find_spec(room)
    return None if spec is None or spec.origin is None else Path(spec.origin).resolve().parent


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"

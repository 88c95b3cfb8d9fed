"""Puts the parts of a data folder together; the roots call it once and hand the parts on."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from db.store import Store, open_store
from vfscreen.data_folder import DataFolder
from vfscreen.errors import NoSuchThing
from vfscreen.model_files import read_card, weights_in
from vfscreen.model_shelf import Shelf
from vfscreen.settings import Settings, load_settings
from vfscreen.slice_cache import SliceCache


@dataclass(frozen=True, slots=True)
class House:
    """Everything that lives in a data folder, open. Close it by `house.store.close()`."""

    folder: DataFolder
    settings: Settings
    store: Store
    cache: SliceCache
    shelf: Shelf

    @property
    def reader(self) -> str:
        """Who reads at this computer: as set, else the name of the login."""
        return self.settings.who_reads()


def bundled_weights() -> Path:
    """Returns the folder of the models that came with the program, without importing them.

    Raises:
        NoSuchThing: the package `models` is not installed.
    """
    spec = find_spec("models")
    if spec is None or not spec.submodule_search_locations:
        raise NoSuchThing("the models are not installed", "models/weights", "install vfscreen again")
    return Path(next(iter(spec.submodule_search_locations))) / "weights"


def shelf_in(folder: DataFolder) -> Shelf:
    """Returns the shelf: the bundled models and the department's own."""
    return Shelf(bundled_weights(), folder.models)


def open_house(folder: DataFolder, *, cache: Path | None = None) -> House:
    """Opens settings, store, slice cache and shelf of a data folder.

    Patients that a bundled model was trained on always train: the split never scores a model on them.

    Raises:
        KnownError: the settings or the store cannot be opened, as they say.
    """
    settings = load_settings(folder.settings)
    shelf = shelf_in(folder)
    cards = [read_card(weights) for weights in weights_in(shelf.bundled)]
    trained_on = frozenset(
        known for card in cards for known in (*card.training_patients, *card.training_files)
    )
    store = open_store(folder.root, shares=settings.shares(), always_train=trained_on)
    slices = SliceCache(cache or folder.cache, int(settings.cache_gigabytes * 2**30))
    return House(folder, settings, store, slices, shelf)

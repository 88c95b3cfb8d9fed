"""What the composition root hands to the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vfscreen.data_folder import DataFolder
from vfscreen.model_shelf import Shelf
from vfscreen.ports import CaseStore
from vfscreen.settings import Settings
from vfscreen.slice_cache import SliceCache


@dataclass(frozen=True, slots=True)
class Parts:
    """A data folder's parts, open. `store` speaks through one thread; `close` ends that thread and the store.

    `back_up` adds a dated copy of the store if the newest one is old enough; it may run in any thread. `notes`
    are what the reader should know of how the store is written.
    """

    folder: DataFolder
    settings: Settings
    store: CaseStore
    cache: SliceCache
    shelf: Shelf
    reader: str
    close: Callable[[], None]
    back_up: Callable[[], object]
    notes: tuple[str, ...] = ()

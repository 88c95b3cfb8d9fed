"""The demo without a window: import the demo CT, screen it, and write what came out."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from ui.composition import House, open_house
from ui.console import progress_shown, wait_for
from ui.engine_client import EngineClient
from ui.screen_command import models_to_use
from vfscreen.data_folder import DataFolder, data_folder
from vfscreen.demo_case import demo_ct
from vfscreen.durable import write_durably
from vfscreen.errors import UnreadableFile
from vfscreen.export.picture import write_picture
from vfscreen.findings import Screening, screening_to_json
from vfscreen.importing import import_paths, key_of
from vfscreen.intake import read_study

JSON_NAME, PICTURE_NAME = "screen.json", "mid_sagittal.png"


def import_demo(house: House) -> str:
    """Takes the demo CT in through the door that every case comes through; returns its series id.

    Raises:
        KnownError: the demo CT is not installed, or cannot be taken in.
    """
    with progress_shown("demo CT") as progress:
        key = key_of(house.store, house.folder.key)
        for result in import_paths([demo_ct()], house.store, house.cache, key=key, progress=progress):
            if result.series_id:
                return result.series_id
            raise UnreadableFile("the demo CT was refused", result.where, result.words)
    raise UnreadableFile(
        "the demo CT holds no series", str(demo_ct()), "run `python3 installer/bootstrap.py demo`"
    )


def screen_demo(house: House, series_id: str) -> Screening:
    """Screens the demo case with the models in use and keeps the screening in the store."""
    models = models_to_use(house.shelf)
    client = EngineClient(reference=house.settings.reference_choice(house.folder.root))
    try:
        with progress_shown("demo CT") as progress:
            screening = wait_for(client.screen(demo_ct(), models=models, on_progress=progress), client.cancel)
    finally:
        client.close()
    house.store.record_screening(series_id, screening)
    return screening


def headless_demo(out: Path) -> list[Path]:
    """Imports and screens the demo CT with `out` as the data folder; returns what was written there.

    Raises:
        KnownError: as importing and screening say.
    """
    data_folder(out)
    with tempfile.TemporaryDirectory() as cache:
        house = open_house(DataFolder(out.resolve()), cache=Path(cache))
        with house.store:
            screening = screen_demo(house, import_demo(house))
    written = [out / JSON_NAME, out / PICTURE_NAME, house.store.file]
    text = json.dumps(screening_to_json(screening), indent=1, ensure_ascii=False) + "\n"
    write_durably(written[0], text.encode())
    write_picture(read_study(demo_ct()).volume, screening, written[1])
    return written

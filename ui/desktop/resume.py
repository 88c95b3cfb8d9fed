"""Where the reader was: study, vertebra, slice and window, kept from one start to the next."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ui.desktop.windows import Window
from vfscreen.durable import write_durably


@dataclass(frozen=True, slots=True)
class Place:
    """A place to come back to."""

    series_id: str
    body_id: str | None = None
    slice: int | None = None
    window: Window | None = None


def keep_place(path: Path, place: Place) -> None:
    """Writes the place down.

    Raises:
        DiskFull: there is no room.
    """
    write_durably(path, json.dumps(asdict(place)).encode())


def last_place(path: Path) -> Place | None:
    """Returns the place that was written down, None if there is none or it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        window = content["window"]
        return Place(
            series_id=str(content["series_id"]),
            body_id=content["body_id"],
            slice=content["slice"],
            window=None if window is None else Window(**window),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):  # a convenience only: the worklist is there without it
        return None

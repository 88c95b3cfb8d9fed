"""Where the department's own things lie: one folder a user (or a department), one name for each thing in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from vfscreen.errors import NoSuchThing

VARIABLE = "VFSCREEN_DATA"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The places in a data folder. The store names its own file inside `root`."""

    root: Path

    @property
    def cache(self) -> Path:
        """The slice cache; may be deleted at any time."""
        return self.root / "cache"

    @property
    def models(self) -> Path:
        """The department's own models, and the pointer to the active one."""
        return self.root / "models"

    @property
    def training(self) -> Path:
        """Snapshots and checkpoints of retrainings."""
        return self.root / "training"

    @property
    def backups(self) -> Path:
        """Dated copies of the store."""
        return self.root / "backups"

    @property
    def reports(self) -> Path:
        """Reports of our own faults, without patient data."""
        return self.root / "reports"

    @property
    def key(self) -> Path:
        """The key of the pseudonyms, readable by the user alone."""
        return self.root / "pseudonym.key"

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.root / "settings.toml"


def data_folder(chosen: Path | None = None) -> DataFolder:
    """Opens (and makes, if need be) the chosen data folder, else `VFSCREEN_DATA`, else the user's own.

    Raises:
        NoSuchThing: the folder can neither be found nor made.
    """
    named = chosen or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    root = named or Path(platformdirs.user_data_dir("vfscreen", appauthor=False))
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoSuchThing(
            "The data folder cannot be made", str(root), f"choose another one with --data ({error.strerror})"
        ) from error
    return DataFolder(root.resolve())

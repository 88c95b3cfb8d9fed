"""The settings: one typed table here, one `settings.toml` in the data folder.

Keys that this program does not know are kept as they are; a renamed one is carried forward.
"""

from __future__ import annotations

import getpass
import tomllib
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from vfscreen.durable import write_durably
from vfscreen.errors import SettingWrong
from vfscreen.findings import Mode
from vfscreen.genant import Reference
from vfscreen.reference_file import ReferenceChoice
from vfscreen.split import USUAL_SHARES, Shares
from vfscreen.toml_text import key_text, value_text

if TYPE_CHECKING:
    from vfscreen.retraining import Needs


@dataclass(frozen=True, slots=True)
class Words:
    """What a row of the table says beside its name, type and default; the limits are for numbers.

    `was` is the name that the setting had in earlier releases.
    """

    words: str
    low: float = 0
    high: float = inf
    was: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its type, words and default."""

    reader: Annotated[
        str, Words("Who reads at this computer: a name or initials. Empty: the name of the login.")
    ] = ""
    mode: Annotated[
        Mode,
        Words(
            "read: grade blind, in random order. screen: worklist ordered by suspicion, M shows the model."
        ),
    ] = Mode.READ
    reference: Annotated[
        Reference,
        Words("Against what height loss is measured. Its own posterior height sees no crush."),
    ] = Reference.EXPECTED_BY_LEVEL
    reference_file: Annotated[
        str,
        Words("A CSV file of healthy bodies for what is usual at a level. Empty: the program's own table."),
    ] = ""
    go_on_by_itself: Annotated[bool, Words("After a grade, go on to the next ungraded vertebra.")] = True
    cache_gigabytes: Annotated[float, Words("How much room the slice cache may take.", low=1)] = 20.0
    threads: Annotated[
        int,
        Words("How many processor cores screening and training may take; 0: the program chooses.", high=256),
    ] = 0
    held_out_percent: Annotated[
        int,
        Words("How many of 100 new patients are held out to compare models on; who is drawn stays.", high=99),
    ] = USUAL_SHARES.held_out_percent
    test_percent: Annotated[
        int, Words("How many of 100 new patients are kept for a last test; who is drawn stays.", high=99)
    ] = USUAL_SHARES.test_percent
    training_patients: Annotated[int, Words("How many graded patients a retraining takes.", low=1)] = 10
    training_patients_a_grade: Annotated[
        int, Words("How many patients with each of the grades 0-3 a retraining takes.")
    ] = 10
    gate_patients: Annotated[
        int, Words("On how many held-out patients a new model must show that it is not worse.", low=1)
    ] = 20
    gate_fractured_patients: Annotated[
        int, Words("How many of these must have a vertebra of grade 2 or 3.")
    ] = 5

    def who_reads(self) -> str:
        """Returns the reader: as set, else the name of the login."""
        return self.reader or getpass.getuser()

    def reference_choice(self, folder: Path) -> ReferenceChoice:
        """Returns against what losses are measured; a file without a folder is looked for in this one."""
        file = folder / Path(self.reference_file).expanduser() if self.reference_file.strip() else None
        return ReferenceChoice(self.reference, file)

    def shares(self) -> Shares:
        """Returns how new patients are split.

        Raises:
            SettingWrong: held out and test leave nobody to train on.
        """
        try:
            return Shares(self.held_out_percent, self.test_percent)
        except ValueError as error:
            raise SettingWrong(
                "held_out_percent and test_percent leave no patients to train on",
                "settings.toml",
                "Make them smaller.",
            ) from error

    def needs(self) -> Needs:
        """Returns what a retraining takes."""
        from vfscreen.retraining import Needs  # the window starts without it, and without scipy

        usual = Needs()
        gate = replace(
            usual.gate, patients=self.gate_patients, fractured_patients=self.gate_fractured_patients
        )
        return Needs(self.training_patients, self.training_patients_a_grade, gate)


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A row of the table, for the file, the settings page and the manual."""

    name: str
    kind: type
    default: Any
    words: Words


def setting_rows() -> tuple[SettingRow, ...]:
    """Returns the table."""
    hints = get_type_hints(Settings, include_extras=True)
    usual = Settings()
    return tuple(
        SettingRow(name, hint.__origin__, getattr(usual, name), hint.__metadata__[0])
        for name, hint in hints.items()
    )


def load_settings(path: Path) -> Settings:
    """Reads the settings; what the file does not say, or no file at all, is the default.

    Raises:
        SettingWrong: the file is not TOML, or a value is not what its setting takes.
    """
    stored = _stored(path)
    values = {}
    for row in setting_rows():
        name = row.name if row.name in stored else row.words.was
        if name in stored:
            values[row.name] = _checked(row, stored[name], path)
    return Settings(**values)


def typed_value(row: SettingRow, text: str, path: Path) -> Any:
    """Returns the value that somebody typed for a setting.

    Raises:
        SettingWrong: it is not what the setting takes.
    """
    try:
        if row.kind is int:
            return _checked(row, int(text), path)
        if row.kind is float:
            return _checked(row, float(text.replace(",", ".")), path)
    except ValueError as error:
        raise _wrong(row.name, f"is {_IN_WORDS[row.kind]}", path) from error
    return _checked(row, text.strip(), path)


def save_settings(path: Path, settings: Settings) -> None:
    """Writes the settings with their words, and below them what others keep in the same file.

    Raises:
        SettingWrong: the file that is there is not TOML; it is left alone.
        DiskFull: there is no room; the file is as it was.
    """
    rows = setting_rows()
    known = {row.name for row in rows} | {row.words.was for row in rows}
    others = {name: value for name, value in _stored(path).items() if name not in known}
    lines = []
    for row in rows:
        lines += [f"# {row.words.words}", f"{row.name} = {value_text(getattr(settings, row.name))}", ""]
    lines += [f"{key_text(name)} = {value_text(value)}" for name, value in others.items()]
    write_durably(path, ("\n".join(lines).rstrip() + "\n").encode())


def _stored(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingWrong(
            f"The settings cannot be read ({error})", str(path), "Correct the file or delete it."
        ) from error


def _checked(row: SettingRow, value: Any, path: Path) -> Any:
    if issubclass(row.kind, StrEnum):
        if value in list(row.kind):
            return row.kind(value)
        raise _wrong(row.name, f"is one of {', '.join(row.kind)}", path)
    if row.kind is float and type(value) is int:
        value = float(value)
    right = type(value) is row.kind  # exactly: in Python, true is a whole number too
    if not right:
        raise _wrong(row.name, f"is {_IN_WORDS[row.kind]}", path)
    low, high = row.words.low, row.words.high
    if row.kind in (int, float) and not low <= value <= high:
        limits = f"at least {low}" if high == inf else f"from {low} to {high}"
        raise _wrong(row.name, f"is {limits}", path)
    return value


_IN_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}


def _wrong(name: str, takes: str, path: Path) -> SettingWrong:
    return SettingWrong(f"The setting {name} {takes}", str(path), "Correct or delete its line.")

"""What lies in a tree of files: slices, volumes in one file, and what is neither. Reads headers only."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vfscreen.intake.headers import CutShort, NoPicture, SliceHeader, read_headers
from vfscreen.intake.volume_file import HEADERS_ALONE, kind_of
from vfscreen.ports import Progress

_IGNORED = {"dicomdir", ".ds_store", "thumbs.db", "desktop.ini"}
"""An index of the other files, and what file browsers leave behind."""

_PIXELS_OF_A_HEADER = (".raw", ".zraw", ".raw.gz")
_PREAMBLE = 128
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""Files without the preamble of PS3.10 begin with an element of group 0002 or 0008."""

_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".iso")
_COPY_AGAIN = "copy it again"
_CHECK_RIGHTS = "check your rights to it"
NO_CT, GIVE_A_CT = "no CT here", "give a CT as DICOM, NIfTI, NRRD or MetaImage"
CHECK_PATH = "check the path and your rights to it"
_NO_TEXT = "its name is no text in this system's encoding (rename it)"
_STEP_FILES = 50
_FEW = 3


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file that is no part of any CT, why, and what to do where something can be; a damaged one may be a slice."""

    path: Path
    reason: str
    todo: str = ""
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything found, in the order of the paths."""

    slices: tuple[SliceHeader, ...]
    volumes: tuple[Path, ...]
    unusable: tuple[Unusable, ...]


def told(unusable: Iterable[Unusable]) -> Iterator[tuple[Unusable, int]]:
    """Yields what is to be told of files that are no part of any CT: one, and how many more are just like it.

    A few with the same fault are told one by one.
    """
    alike: dict[str, list[Unusable]] = defaultdict(list)
    for one in unusable:
        alike[one.reason].append(one)
    for several in alike.values():
        if len(several) <= _FEW:
            yield from ((one, 0) for one in several)
        else:
            yield several[0], len(several) - 1


def survey(paths: Sequence[Path], progress: Progress) -> Survey:
    """Looks at every file at or below the paths; never follows a link to a folder."""
    slices: list[SliceHeader] = []
    volumes: list[Path] = []
    unusable: list[Unusable] = []
    files = list(_files(paths, unusable))
    headers_of_volumes = {path.parent for path in files if path.suffix.lower() in HEADERS_ALONE}
    for number, path in enumerate(files):
        if number % _STEP_FILES == 0:
            progress("looking at files", number / len(files))
        if kind_of(path) is not None and _is_text(path) and _is_a_file(path):
            volumes.append(path)
        elif path.name.lower().endswith(_PIXELS_OF_A_HEADER) and path.parent in headers_of_volumes:
            continue
        else:
            found = _look_at(path)
            if isinstance(found, Unusable):
                unusable.append(found)
            else:
                slices.extend(found)
    return Survey(tuple(slices), tuple(volumes), tuple(unusable))


def _files(paths: Iterable[Path], unusable: list[Unusable]) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in paths:
        for file in _walk(path, unusable):
            place = file.absolute()
            if file.name.lower() not in _IGNORED and place not in seen:
                seen.add(place)
                yield file


def _walk(path: Path, unusable: list[Unusable]) -> Iterator[Path]:
    def closed(error: OSError) -> None:
        unusable.append(
            Unusable(Path(error.filename), "the folder cannot be opened", _CHECK_RIGHTS, damaged=True)
        )

    missing = why_missing(path)
    if missing:
        unusable.append(Unusable(path, missing, CHECK_PATH))
        return
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path, onerror=closed):
        folders.sort()
        for name in sorted(names):
            yield Path(folder, name)


def why_missing(path: Path) -> str:
    """Returns why there is nothing to look at under a path; empty if there is something."""
    if not _is_text(path):
        return _NO_TEXT
    try:
        path.stat()
    except (
        FileNotFoundError,
        NotADirectoryError,
        ValueError,
    ):  # ValueError: a character that no name may have
        return "there is no such file or folder"
    except OSError as error:
        return f"the path cannot be followed ({error.strerror})"
    return ""


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except (
        UnicodeEncodeError
    ):  # bytes of another encoding, as on discs written long ago: no store could keep it
        return False
    return True


def _is_a_file(path: Path) -> bool:
    """A pipe that is called like a volume would be waited on for ever."""
    try:
        return path.is_file()
    except OSError:
        return False


def _look_at(path: Path) -> list[SliceHeader] | Unusable:
    if not _is_text(path):
        return Unusable(path, _NO_TEXT)
    try:
        size = path.stat().st_size
        if size == 0:
            return Unusable(path, "the file is empty", _COPY_AGAIN, damaged=True)
        with path.open("rb") as stream:
            start = stream.read(_PREAMBLE + 4)
            if start[_PREAMBLE:] != b"DICM" and start[:2] not in _FIRST_GROUPS:
                return _no_dicom(path, start)
            stream.seek(0)
            return read_headers(path, stream, size)
    except OSError:
        return Unusable(path, "the file cannot be read", _CHECK_RIGHTS, damaged=True)
    except CutShort:
        return Unusable(path, "a DICOM file that is damaged or cut short", _COPY_AGAIN, damaged=True)
    except NoPicture as error:
        return Unusable(path, f"DICOM, but no picture ({error})")


def _no_dicom(path: Path, start: bytes) -> Unusable:
    if start.startswith(b"%PDF"):
        return Unusable(path, "not a CT but a PDF")
    if path.suffix.lower() in _ARCHIVES:
        return Unusable(path, f"a {path.suffix} archive, which is not looked into", "unpack it")
    if path.suffix:
        return Unusable(path, f"not a CT but a {path.suffix} file")
    return Unusable(path, "neither DICOM nor another kind of CT")

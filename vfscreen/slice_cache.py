"""Volumes on disk as the reading room shows them: sagittal first, memory-mapped, bounded in size.

A case opens by mapping its file: only the pages of the slice on the screen are ever read. The cache may be deleted at
any time; what is missing is made again from the source files.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vfscreen.durable import not_written, write_durably
from vfscreen.volume import Volume, sagittal_first

_ABANDONED_NS = 3600 * 10**9


@dataclass(frozen=True, slots=True)
class CachedVolume:
    """A mapped volume.

    Shapes: voxels (left, down, posterior) int16, read-only; affine (4, 4), from their indices to LPS mm.
    """

    voxels: NDArray[np.int16]
    affine: NDArray[np.float64]

    def volume(self) -> Volume:
        """Returns it as a volume, still mapped."""
        return Volume(self.voxels, self.affine)


@dataclass(frozen=True, slots=True)
class SliceCache:
    """A folder of mapped volumes, at most `limit_bytes` large; who was not read for longest goes first."""

    folder: Path
    limit_bytes: int

    def put(self, series_id: str, volume: Volume) -> None:
        """Writes a volume, turned sagittal first, and makes room for it; it is there as a whole or not at all.

        Raises:
            DiskFull, NotWritable: there is no room on the disk, or the folder may not be written.
        """
        self._make_room(2 * volume.voxels.size)
        turned = sagittal_first(volume)
        write_durably(self._affine(series_id), json.dumps(turned.affine.tolist()).encode())
        part = self.folder / f".{series_id}.{secrets.token_hex(8)}.part"
        try:
            with part.open("wb") as stream:
                header = np.lib.format.header_data_from_array_1_0(turned.voxels)
                np.lib.format.write_array_header_1_0(stream, header)
                stream.write(turned.voxels.data)  # np.save would not say that the disk is full
            part.replace(self._voxels(series_id))
        except OSError as error:
            raise not_written(error, self.folder) from error
        finally:
            part.unlink(missing_ok=True)

    def holds(self, series_id: str) -> bool:
        """Says whether the series can be opened without its source."""
        return self._voxels(series_id).is_file() and self._affine(series_id).is_file()

    def open(self, series_id: str, rebuild: Callable[[], Volume] | None = None) -> CachedVolume | None:
        """Maps a series; where it is missing or damaged, puts what `rebuild` returns first, or else returns None."""
        mapped = self._map(series_id)
        if mapped is None and rebuild is not None:
            self.put(series_id, rebuild())
            mapped = self._map(series_id)
        return mapped

    def drop(self, series_id: str) -> None:
        """Forgets a series."""
        # Windows does not let go of a file that is mapped somewhere: it stays until the next time.
        for path in (self._voxels(series_id), self._affine(series_id)):
            try:
                path.unlink(missing_ok=True)
            except PermissionError:
                return

    def _map(self, series_id: str) -> CachedVolume | None:
        try:
            affine = np.array(json.loads(self._affine(series_id).read_bytes()), np.float64)
            voxels = np.load(self._voxels(series_id), mmap_mode="r", allow_pickle=False)
            os.utime(self._voxels(series_id))  # when it was read last
        except FileNotFoundError:
            return None
        except (ValueError, EOFError):
            self.drop(series_id)
            return None
        return CachedVolume(voxels, affine)

    def _make_room(self, needed_bytes: int) -> None:
        entries = sorted(self._entries())
        taken = sum(size for _, size, _ in entries) + needed_bytes
        for _, size, series_id in entries:
            if taken <= self.limit_bytes:
                break
            self.drop(series_id)
            taken -= size
        for written, _, part in _present(self.folder.glob(".*.part")):
            if written < time.time_ns() - _ABANDONED_NS:
                part.unlink(missing_ok=True)

    def _entries(self) -> list[tuple[int, int, str]]:
        """Returns (last read in ns, bytes, series id) of every volume."""
        return [(read, size, path.stem) for read, size, path in _present(self.folder.glob("*.npy"))]

    def _voxels(self, series_id: str) -> Path:
        return self.folder / f"{series_id}.npy"

    def _affine(self, series_id: str) -> Path:
        return self.folder / f"{series_id}.affine.json"


def _present(paths: Iterable[Path]) -> Iterator[tuple[int, int, Path]]:
    """Yields (last change in ns, bytes, path) of those that are still there: other processes clear up too."""
    for path in paths:
        try:
            stat = path.lstat()
        except FileNotFoundError:
            continue
        yield stat.st_mtime_ns, stat.st_size, path

"""The slice cache holds mapped volumes as the reading room shows them, and never more than it may."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.dicom_writer import small_ct
from vfscreen.errors import DiskFull
from vfscreen.slice_cache import SliceCache
from vfscreen.volume import Volume, sagittal_first, sample

ROOMY = 10**9


@pytest.fixture(scope="module")
def ct(demo_volume: Volume) -> Volume:
    return small_ct(demo_volume)


def test_what_was_put_comes_back_sagittal_first_and_mapped(ct: Volume, tmp_path: Path):
    cache = SliceCache(tmp_path / "cache", ROOMY)
    cache.put("a", ct)
    mapped = cache.open("a")
    assert mapped is not None
    expected = sagittal_first(ct)
    assert np.array_equal(mapped.voxels, expected.voxels)
    assert np.allclose(mapped.affine, expected.affine, rtol=0, atol=0)
    assert isinstance(mapped.voxels, np.memmap)
    assert not mapped.voxels.flags.writeable
    point = ct.lps_of(np.array([7.0, 60.0, 60.0]))
    assert sample(mapped.volume(), point) == sample(ct, point)


def test_what_is_not_there_is_none_or_made_again(ct: Volume, tmp_path: Path):
    cache = SliceCache(tmp_path, ROOMY)
    assert cache.open("a") is None
    assert not cache.holds("a")
    rebuilt = cache.open("a", lambda: ct)
    assert rebuilt is not None
    assert cache.holds("a")

    def not_needed() -> Volume:
        raise AssertionError("it is in the cache")

    assert cache.open("a", not_needed) is not None


@pytest.mark.parametrize("damage", ["voxels cut", "voxels gone", "affine gone", "affine garbled"])
def test_a_damaged_entry_is_made_again(ct: Volume, tmp_path: Path, damage: str):
    cache = SliceCache(tmp_path, ROOMY)
    cache.put("a", ct)
    voxels, affine = tmp_path / "a.npy", tmp_path / "a.affine.json"
    if damage == "voxels cut":
        voxels.write_bytes(voxels.read_bytes()[:1000])
    elif damage == "affine garbled":
        affine.write_text("[[")
    else:
        (voxels if damage == "voxels gone" else affine).unlink()
    assert cache.open("a") is None
    rebuilt = cache.open("a", lambda: ct)
    assert rebuilt is not None
    assert np.array_equal(rebuilt.voxels, sagittal_first(ct).voxels)


def test_who_was_not_read_for_longest_goes_first(ct: Volume, tmp_path: Path):
    one = 2 * ct.voxels.size
    cache = SliceCache(tmp_path, int(3.5 * one))
    for age, name in ((30, "a"), (20, "b"), (10, "c")):
        cache.put(name, ct)
        os.utime(tmp_path / f"{name}.npy", (time.time() - age,) * 2)
    cache.open("a")
    cache.put("d", ct)
    assert [name for name in "abcd" if cache.holds(name)] == ["a", "c", "d"]
    assert sum(path.stat().st_size for path in tmp_path.glob("*.npy")) <= cache.limit_bytes


def test_a_volume_that_is_larger_than_the_limit_is_kept_alone(ct: Volume, tmp_path: Path):
    cache = SliceCache(tmp_path, 1000)
    cache.put("a", ct)
    cache.put("b", ct)
    assert [name for name in "ab" if cache.holds(name)] == ["b"]


def test_what_a_killed_writer_left_is_swept_up(ct: Volume, tmp_path: Path):
    left, fresh = tmp_path / ".x.1.part", tmp_path / ".y.2.part"
    for part in (left, fresh):
        part.write_bytes(b"half a volume")
    os.utime(left, (time.time() - 7200,) * 2)
    SliceCache(tmp_path, ROOMY).put("a", ct)
    assert not left.exists()
    assert fresh.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_said_and_leaves_nothing_behind(
    ct: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(secrets, "token_hex", lambda _bytes: "1")
    (tmp_path / ".a.1.part").symlink_to("/dev/full")
    cache = SliceCache(tmp_path, ROOMY)
    with pytest.raises(DiskFull):
        cache.put("a", ct)
    assert cache.open("a") is None
    assert not list(tmp_path.glob(".*.part"))


def test_a_dropped_series_is_gone(ct: Volume, tmp_path: Path):
    cache = SliceCache(tmp_path, ROOMY)
    cache.put("a", ct)
    cache.drop("a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of a file")
def test_a_disk_that_fills_up_in_the_middle_of_a_volume_is_said(ct: Volume, tmp_path: Path):
    """A limit on the size of a file stands for the end of the disk: the write stops half-way, as there."""
    code = (
        "import resource, signal, sys; from pathlib import Path; import numpy as np\n"
        "from vfscreen.errors import NotWritable; from vfscreen.slice_cache import SliceCache\n"
        "from vfscreen.volume import Volume\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "volume = Volume(np.ones((60, 60, 60), np.int16), np.eye(4))\n"
        "try: SliceCache(Path(sys.argv[1]), 10**9).put('a', volume)\n"
        "except NotWritable as error: print(error.what)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "cannot be written (File too large)"
    assert [path.name for path in tmp_path.iterdir()] == ["a.affine.json"]

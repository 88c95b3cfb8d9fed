"""TotalSegmentator is run as a program of its own, in silence; here a small program stands in its place."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.made_spine import made_spine, save_structures
from vfscreen.errors import KnownError, NoSuchThing
from vfscreen.intake.nifti import read_nifti
from vfscreen.masks import MaskKind
from vfscreen.masks.reading import read_mask
from vfscreen.masks.total_segmentator import PROGRAM, find_total_segmentator, segmented

SPINE = made_spine()

STAND_IN = """#!{python}
import json, os, shutil, sys, time
from pathlib import Path
said = dict(zip(sys.argv[1::2], sys.argv[2::2]))
settings = json.loads((Path(os.environ["TOTALSEG_HOME_DIR"]) / "config.json").read_text())
heard = {{"arguments": sys.argv[1:], "settings": settings, "environment": dict(os.environ)}}
Path({heard!r}).write_text(json.dumps(heard))
assert Path(said["-i"]).stat().st_size > 0
{work}
"""
COPY = "shutil.copytree({made!r}, said['-o'])"
BREAK = "print('loading the model'); print('CUDA out of memory'); sys.exit(7)"
HANG = "time.sleep(600)"


class Bench:
    """A folder with the stand-in on the path, its weights, and what it heard."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.heard = folder / "heard.json"
        self.made = save_structures(SPINE.mask, folder / "made")
        self._programs = folder / "programs"
        self._programs.mkdir()
        weights = folder / "weights"
        weights.mkdir()
        (weights / "Dataset291").touch()
        monkeypatch.setenv("PATH", str(self._programs))
        monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(weights))

    def install(self, work: str) -> Path:
        """Puts the stand-in where the path finds it."""
        program = self._programs / PROGRAM
        text = STAND_IN.format(
            python=sys.executable, heard=str(self.heard), work=work.format(made=str(self.made))
        )
        program.write_text(text, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def silent(_doing: str, _share: float) -> None:
    """Progress that nobody follows."""


def test_its_output_becomes_a_mask_and_is_then_gone(bench: Bench) -> None:
    bench.install(COPY)
    with segmented(SPINE.ct, "ct", silent) as folder:
        mask = read_mask(folder, MaskKind.AUTO, SPINE.loaded())
    assert (mask.labels.voxels == SPINE.mask.voxels).all()
    assert not folder.exists()


def test_it_sends_nothing_and_asks_for_vertebrae_alone(bench: Bench) -> None:
    bench.install(COPY)
    with segmented(SPINE.ct, "ct", silent):
        heard = json.loads(bench.heard.read_text(encoding="utf-8"))
    assert heard["settings"]["send_usage_stats"] is False
    assert heard["environment"]["HTTP_PROXY"] == heard["environment"]["https_proxy"] == "http://127.0.0.1:9"
    assert heard["environment"]["NO_PROXY"] == ""
    assert "vertebrae_T12" in heard["arguments"] and "liver" not in heard["arguments"]


def test_where_it_is_not_installed_that_is_said(bench: Bench) -> None:
    assert find_total_segmentator() is None
    with (
        pytest.raises(NoSuchThing, match="TotalSegmentator is not installed"),
        segmented(SPINE.ct, "ct", silent),
    ):
        pass


def test_it_is_found_on_the_path(bench: Bench) -> None:
    program = bench.install(COPY)
    found = find_total_segmentator()
    assert found is not None and found.program == program


def test_without_its_weights_nothing_is_fetched(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.install(COPY)
    monkeypatch.delenv("TOTALSEG_WEIGHTS_PATH")
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(NoSuchThing, match="no weights on this computer"), segmented(SPINE.ct, "ct", silent):
        pass
    assert not bench.heard.exists()


def test_its_failure_is_told_in_its_own_last_words(bench: Bench) -> None:
    bench.install(BREAK)
    with (
        pytest.raises(KnownError, match=r"failed with code 7 \(CUDA out of memory\)"),
        segmented(SPINE.ct, "the CT", silent),
    ):
        pass


def test_it_is_ended_when_the_work_is_taken_back(bench: Bench) -> None:
    bench.install(HANG)

    class TakenBackError(Exception):
        """What a cancelled request raises."""

    def take_back(_doing: str, _share: float) -> None:
        raise TakenBackError

    with pytest.raises(TakenBackError), segmented(SPINE.ct, "ct", take_back):
        pass


def test_what_it_is_given_is_the_ct(bench: Bench, tmp_path: Path) -> None:
    kept = tmp_path / "seen.nii.gz"
    bench.install(f"shutil.copy(said['-i'], {str(kept)!r}); " + COPY)
    with segmented(SPINE.ct, "ct", silent):
        pass
    volume, _ = read_nifti(kept)
    np.testing.assert_allclose(
        np.sort(volume.corners_lps_mm(), 0), np.sort(SPINE.ct.corners_lps_mm(), 0), atol=1e-3
    )
    assert int(volume.voxels.max()) == int(SPINE.ct.voxels.max())

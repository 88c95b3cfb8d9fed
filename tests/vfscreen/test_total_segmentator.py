"""TotalSegmentator is run as a program of its own, in silence; here a small program stands in its place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.made_spine import made_spine
from tests.total_segmentator_stand_in import BREAK, COPY, HANG, StandIn
from vfscreen.errors import KnownError, NoSuchThing
from vfscreen.intake.nifti import read_nifti
from vfscreen.masks import MaskKind
from vfscreen.masks.reading import read_mask
from vfscreen.masks.total_segmentator import find_total_segmentator, segmented

SPINE = made_spine()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn(tmp_path, SPINE.mask)
    for name, value in stand_in.environment.items():
        monkeypatch.setenv(name, value)
    return stand_in


def silent(_doing: str, _share: float) -> None:
    """Progress that nobody follows."""


def test_its_output_becomes_a_mask_and_is_then_gone(bench: StandIn) -> None:
    bench.install(COPY)
    with segmented(SPINE.ct, "ct", silent) as folder:
        mask = read_mask(folder, MaskKind.AUTO, SPINE.loaded())
    assert (mask.labels.voxels == SPINE.mask.voxels).all()
    assert not folder.exists()


def test_it_sends_nothing_and_asks_for_vertebrae_alone(bench: StandIn) -> None:
    bench.install(COPY)
    with segmented(SPINE.ct, "ct", silent):
        heard = json.loads(bench.heard.read_text(encoding="utf-8"))
    assert heard["settings"]["send_usage_stats"] is False
    assert heard["environment"]["HTTP_PROXY"] == heard["environment"]["https_proxy"] == "http://127.0.0.1:9"
    assert heard["environment"]["NO_PROXY"] == ""
    assert "vertebrae_T12" in heard["arguments"] and "liver" not in heard["arguments"]


def test_where_it_is_not_installed_that_is_said(bench: StandIn) -> None:
    assert find_total_segmentator() is None
    with (
        pytest.raises(NoSuchThing, match="TotalSegmentator is not installed"),
        segmented(SPINE.ct, "ct", silent),
    ):
        pass


def test_it_is_found_on_the_path(bench: StandIn) -> None:
    program = bench.install(COPY)
    found = find_total_segmentator()
    assert found is not None and found.program == program


def test_without_its_weights_nothing_is_fetched(
    bench: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.install(COPY)
    monkeypatch.delenv("TOTALSEG_WEIGHTS_PATH")
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(NoSuchThing, match="no weights on this computer"), segmented(SPINE.ct, "ct", silent):
        pass
    assert not bench.heard.exists()


def test_its_failure_is_told_in_its_own_last_words(bench: StandIn) -> None:
    bench.install(BREAK)
    with (
        pytest.raises(KnownError, match=r"failed with code 7 \(CUDA out of memory\)"),
        segmented(SPINE.ct, "the CT", silent),
    ):
        pass


def test_it_is_ended_when_the_work_is_taken_back(bench: StandIn) -> None:
    bench.install(HANG)

    class TakenBackError(Exception):
        """What a cancelled request raises."""

    def take_back(_doing: str, _share: float) -> None:
        raise TakenBackError

    with pytest.raises(TakenBackError), segmented(SPINE.ct, "ct", take_back):
        pass


def test_what_it_is_given_is_the_ct(bench: StandIn, tmp_path: Path) -> None:
    kept = tmp_path / "seen.nii.gz"
    bench.install(f"shutil.copy(said['-i'], {str(kept)!r}); " + COPY)
    with segmented(SPINE.ct, "ct", silent):
        pass
    volume, _ = read_nifti(kept)
    np.testing.assert_allclose(
        np.sort(volume.corners_lps_mm(), 0), np.sort(SPINE.ct.corners_lps_mm(), 0), atol=1e-3
    )
    assert int(volume.voxels.max()) == int(SPINE.ct.voxels.max())

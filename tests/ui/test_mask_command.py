"""Other people's masks on the command line: screening with them, taking a case in with one, and what is refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from jsonschema import Draft202012Validator

from db.store import open_store
from tests.dicom_writer import Writing, write_series
from tests.made_spine import made_spine, save_mask
from tests.seg_writer import save_seg
from tests.total_segmentator_stand_in import COPY, HANG, StandIn
from ui.mask_command import chosen_bodies
from vfscreen.cases import GeometrySource
from vfscreen.findings import Mode
from vfscreen.masks import BodiesFrom, MaskKind
from vfscreen.volume import reorient

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A CT and its mask."""
    spine = made_spine()
    ct = save_mask(spine.ct, tmp_path / "ct.nii.gz", dtype="int16")
    return ct, save_mask(spine.mask, tmp_path / "mask.nii.gz")


def test_a_case_is_screened_with_its_mask(run: Run, files: tuple[Path, Path]) -> None:
    ct, mask = files
    done = run("screen", ct, "--mask", mask, "--json", "-")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    Draft202012Validator(json.loads((ROOT / "docs/screening.schema.json").read_text())).validate(said)
    assert said["models"]["localiser"].startswith("mask-verse-")
    assert [body["level"] for body in said["vertebrae"]] == ["T12", "L1", "L2", "L3"]
    assert all(body["level_certain"] and body["heights_mm"] for body in said["vertebrae"])


def test_a_mask_of_another_ct_is_one_line_and_exit_code_3(
    run: Run, files: tuple[Path, Path], tmp_path: Path
) -> None:
    other = save_mask(made_spine(margin_mm=40.0).mask, tmp_path / "other.nii.gz")
    done = run("screen", files[0], "--mask", other, "--json", "-")
    assert done.returncode == 3
    complaints = [line for line in done.stderr.splitlines() if line.startswith("vfscreen: ")]
    assert len(complaints) == 1 and "lies on another grid" in complaints[0]
    assert json.loads(done.stdout)["vertebrae"] == []


def test_a_case_is_taken_in_with_its_mask(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    ct, mask = files
    done = run("import", ct, "--mask", mask)
    assert done.returncode == 0, done.stderr
    assert "4 vertebrae from the mask: T12, L1, L2, L3" in done.stdout
    with open_store(tmp_path / "data") as store:
        (row,) = store.worklist("reader", Mode.READ)
        bodies = store.case(row.series_id, "reader").bodies
    assert [body.source for body in bodies] == [GeometrySource.MASK] * 4


@pytest.fixture
def two_series(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with two series of one grid, and a segmentation of the one that is not chosen for reading bone."""
    spine, study = made_spine(), tmp_path / "study"
    axial = reorient(spine.ct, (2, 1, 0), (1, 1, 1))
    write_series(study / "soft", axial, Writing(series="soft", number=2, kernel="B20f"))
    write_series(study / "bone", axial, Writing(series="bone", number=3, kernel="B70f"))
    return study, save_seg(spine, study / "soft", tmp_path / "seg.dcm")


def test_a_study_is_screened_on_the_series_of_its_segmentation(
    run: Run, two_series: tuple[Path, Path], tmp_path: Path
) -> None:
    study, seg = two_series
    done = run("screen", study, "--mask", seg, "--json", "-", "--picture", tmp_path / "pictures")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["series"]["uid"] == Writing(series="soft").series_uid
    assert "the one that the mask was made on" in said["warnings"][0]
    assert [body["level"] for body in said["vertebrae"]] == ["T12", "L1", "L2", "L3"]
    assert (tmp_path / "pictures" / "study.png").is_file()


def test_a_study_is_taken_in_with_the_segmentation_of_one_of_its_series(
    run: Run, two_series: tuple[Path, Path], tmp_path: Path
) -> None:
    study, seg = two_series
    done = run("import", study, "--mask", seg)
    assert done.returncode == 0, done.stderr
    assert "4 vertebrae from the mask" in done.stdout
    with open_store(tmp_path / "data") as store:
        cases = [store.case(row.series_id, "reader") for row in store.worklist("reader", Mode.READ)]
    bodies = {case.facts.uid: len(case.bodies) for case in cases}
    assert bodies == {Writing(series="soft").series_uid: 4, Writing(series="bone").series_uid: 0}


def test_without_totalsegmentator_asking_for_it_is_answered_in_words(
    run: Run, files: tuple[Path, Path]
) -> None:
    done = run("screen", files[0], "--localiser", "totalsegmentator")
    assert done.returncode == 1
    assert "TotalSegmentator is not installed on this computer" in done.stderr


def test_a_case_is_screened_with_what_totalsegmentator_makes(
    run: Run, files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = stand_in_for(monkeypatch, tmp_path)
    stand_in.install(COPY)
    done = run("screen", files[0], "--localiser", "totalsegmentator", "--json", "-")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["models"]["localiser"].startswith("mask-structures-")
    assert [body["level"] for body in said["vertebrae"]] == ["T12", "L1", "L2", "L3"]
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("who", ["the command, by Ctrl+C", "the command", "the engine"])
def test_when_we_are_ended_totalsegmentator_ends_and_no_ct_is_left(
    who: str, files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = stand_in_for(monkeypatch, tmp_path)
    stand_in.install(HANG)
    temporary = tmp_path / "temporary"
    command = [
        sys.executable,
        "-P",
        "-m",
        "ui.cli",
        "screen",
        str(files[0]),
        "--localiser",
        "totalsegmentator",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as ours:
        until(stand_in.heard.is_file)
        heard = json.loads(stand_in.heard.read_text(encoding="utf-8"))
        assert list(temporary.rglob("ct.nii.gz")) and Path(heard["temporary"]).is_relative_to(temporary)
        if who == "the engine":
            engine = next(one for one in psutil.Process(ours.pid).children() if "engine" in one.cmdline())
            engine.kill()
        else:
            ours.send_signal(signal.SIGKILL if who == "the command" else signal.SIGINT)
        ours.communicate(timeout=SECONDS)
    until(lambda: list(temporary.iterdir()) == [])
    until(lambda: not psutil.pid_exists(heard["pid"]))


def stand_in_for(monkeypatch: pytest.MonkeyPatch, folder: Path) -> StandIn:
    """Puts the stand-in where it is found, and temporary files where they are seen."""
    (folder / "temporary").mkdir()
    stand_in = StandIn(folder, made_spine().mask)
    for name, value in {**stand_in.environment, "TMPDIR": str(folder / "temporary")}.items():
        monkeypatch.setenv(name, value)
    return stand_in


def until(holds: Callable[[], bool]) -> None:
    """Waits for something that has to come."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def test_options_that_contradict_each_other_are_wrong_usage(run: Run) -> None:
    assert run("screen", "one.nii", "two.nii", "--mask", "mask.nii").returncode == 2


def test_where_bodies_come_from_is_read_from_the_options() -> None:
    one, mask = [Path("ct.nii")], Path("mask.nii")
    assert chosen_bodies(None, MaskKind.AUTO, None, one) is None
    assert chosen_bodies(None, MaskKind.AUTO, Path("own.safetensors"), one) is None
    assert chosen_bodies(mask, MaskKind.VERSE, None, one) == BodiesFrom(mask, MaskKind.VERSE)
    assert chosen_bodies(None, MaskKind.AUTO, Path("totalsegmentator"), one) == BodiesFrom(None)


@pytest.mark.parametrize(
    ("mask", "kind", "localiser", "count"),
    [
        (Path("mask.nii"), MaskKind.AUTO, Path("totalsegmentator"), 1),
        (Path("mask.nii"), MaskKind.AUTO, None, 2),
        (None, MaskKind.VERSE, None, 1),
    ],
)
def test_contradictions_are_named(
    mask: Path | None, kind: MaskKind, localiser: Path | None, count: int
) -> None:
    with pytest.raises(ValueError, match="mask"):
        chosen_bodies(mask, kind, localiser, [Path("ct.nii")] * count)


def test_how_a_mask_is_read_says_nothing_without_one(run: Run, files: tuple[Path, Path]) -> None:
    assert run("import", files[0], "--mask-kind", "verse").returncode == 2

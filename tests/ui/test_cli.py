"""The command line as a person meets it: words on stdout, one line an error on stderr, and exit codes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from tests.dicom_writer import Writing, cut, small_ct, write_series
from ui.composition import shelf_in
from ui.screen_command import models_to_use, picture_names
from vfscreen.data_folder import DataFolder
from vfscreen.intake.survey import GIVE_A_CT
from vfscreen.model_files import ModelKind
from vfscreen.model_shelf import bundled_model
from vfscreen.volume import Volume

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_tree_with_one_good_series_gives_it_and_names_the_rest(
    run: Run, demo_volume: Volume, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    write_series(tree / "CT", small_ct(demo_volume))
    (tree / "letter.pdf").write_bytes(b"%PDF-1.4 a letter")
    (tree / "empty.dcm").write_bytes(b"")
    broken = write_series(tree / "other", small_ct(demo_volume), Writing(series="series 2", number=2))
    cut(broken[3])
    done = run("import", tree)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]].count("taken") == 1
    for name in ("letter.pdf", "empty.dcm", broken[3].name):
        assert any(line.startswith("refused") and name in line for line in lines), name
    again = run("import", tree / "CT")
    assert again.stdout.splitlines()[-1] == "0 taken, 1 known, 0 refused"


def test_a_tree_without_a_ct_ends_with_3(run: Run, tmp_path: Path) -> None:
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.4 a letter")
    assert run("import", tmp_path / "letter.pdf").returncode == 3


def test_a_refused_study_is_one_line_on_stderr_and_exit_code_3(
    run: Run, demo_volume: Volume, tmp_path: Path
) -> None:
    gappy = write_series(tmp_path / "gappy", small_ct(demo_volume))
    gappy[7].unlink()
    done = run("screen", tmp_path / "gappy", "--json", "-")
    assert done.returncode == 3
    complaint = [line for line in done.stderr.splitlines() if line.startswith("vfscreen: ")]
    assert len(complaint) == 1 and "slices are missing" in complaint[0]
    written = json.loads(done.stdout)
    assert written["vertebrae"] == [] and "slices are missing" in written["refusals"][0]["reason"]


def test_wrong_usage_ends_with_2(run: Run) -> None:
    assert run("no-such-command").returncode == 2
    assert run("export", "--to", "x", "--format", "xml").returncode == 2


def test_a_model_that_is_not_there_ends_with_1(run: Run) -> None:
    done = run("models", "activate", "grader-nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("vfscreen: there is no such model: grader-nowhere: ")


def test_the_doctor_says_where_everything_comes_from_and_finds_nothing_wrong(run: Run) -> None:
    done = run("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "nothing is wrong"
    assert f"package db comes from {ROOT / 'db'}" in done.stdout


def test_a_backup_can_be_restored(run: Run, demo_volume: Volume, tmp_path: Path) -> None:
    write_series(tmp_path / "CT", small_ct(demo_volume))
    run("import", tmp_path / "CT")
    backup = run("backup", "--to", tmp_path / "copy.sqlite").stdout.strip()
    (tmp_path / "data/vfscreen.sqlite").unlink()
    assert not (
        tmp_path / "data/backups"
    ).exists()  # the data folder may be on a medium that cannot be written
    restored = run("restore", backup)
    assert (restored.returncode, restored.stderr) == (0, "")
    assert run("import", tmp_path / "CT").stdout.splitlines()[-1] == "0 taken, 1 known, 0 refused"


def test_without_readings_the_table_has_its_head_alone(run: Run, tmp_path: Path) -> None:
    done = run("export", "--to", tmp_path / "table", "--format", "csv")
    with Path(done.stdout.strip()).open(encoding="utf-8", newline="") as table:
        assert len(list(csv.reader(table))) == 1


def test_retraining_without_labels_says_what_is_missing(run: Run) -> None:
    done = run("retrain")
    assert done.returncode == 1
    assert "patients for training are graded" in done.stderr


HEARS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""Tests that run in the background hand on to their children that Ctrl+C is not for them."""


def test_ctrl_c_is_one_sentence_while_the_program_still_starts(tmp_path: Path) -> None:
    code = HEARS_CTRL_C + (
        "import os, sys, ui.cli\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'ui.commands': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv[1:] = ['doctor']\n"
        "raise SystemExit(ui.cli.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == "vfscreen: stopped; what was stored until now is stored\n"


def test_ctrl_c_is_one_sentence_in_the_middle_of_a_screening(demo_ct: Path, tmp_path: Path) -> None:
    code = HEARS_CTRL_C + "import ui.cli; raise SystemExit(ui.cli.main())"
    running = subprocess.Popen(
        [sys.executable, "-c", code, "screen", str(demo_ct), "--data", str(tmp_path)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert running.stderr is not None
    said = next(line for line in running.stderr if "finding the vertebrae" in line)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: its children too
    left = running.stderr.read()
    assert said and running.wait() == 130
    assert left == "vfscreen: stopped; what was stored until now is stored\n"


def test_paths_that_lead_nowhere_are_refused_by_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ct").write_bytes(b"a file")
    names = ["nowhere", "long" * 2000, "ct/slice"]
    screened = run("screen", *(tmp_path / name for name in names))
    assert screened.returncode == 3
    complaints = [line for line in screened.stderr.splitlines() if line.startswith("vfscreen: ")]
    assert len(complaints) == 3
    assert all(name in line for name, line in zip(names, complaints, strict=True))
    imported = run("import", *(tmp_path / name for name in names))
    assert imported.returncode == 3
    assert imported.stdout.splitlines()[-1] == "0 taken, 0 known, 3 refused"


NAMES_OF_TROUBLE = {"two\nlines": "two lines", "\x1b[2Jclear": " [2Jclear"}
"""What folders may be called on Linux, and how they are printed."""


@pytest.mark.skipif(os.name == "nt", reason="Windows takes no such names")
def test_a_name_that_moves_the_cursor_stays_on_its_line(run: Run, tmp_path: Path) -> None:
    for name in NAMES_OF_TROUBLE:
        (tmp_path / name).mkdir()
    done = run("import", *(tmp_path / name for name in NAMES_OF_TROUBLE))
    assert done.stdout.splitlines() == [
        *(f"refused {tmp_path / shown}: no CT here: {GIVE_A_CT}" for shown in NAMES_OF_TROUBLE.values()),
        "0 taken, 0 known, 2 refused",
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes of files")
def test_a_file_that_may_not_be_read_is_refused_and_not_called_wrong_usage(tmp_path: Path) -> None:
    """Root may read everything: where the tests run as root, the command first gives up its capabilities."""
    ct = tmp_path / "ct.nii"
    ct.write_bytes(b"somebody else's")
    ct.chmod(0)
    code = (
        "import ctypes, os, sys, ui.cli\n"
        "if os.geteuid() == 0:\n"
        "    version_3, this_process = 0x20080522, 0\n"
        "    header, none = (ctypes.c_uint32 * 2)(version_3, this_process), (ctypes.c_uint32 * 6)()\n"
        "    assert ctypes.CDLL(None).capset(header, none) == 0\n"
        f"sys.argv[1:] = ['import', {str(ct)!r}, '--data', {str(tmp_path / 'data')!r}]\n"
        "raise SystemExit(ui.cli.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert any(line.startswith(f"refused {ct}: ") for line in done.stdout.splitlines())


def test_a_name_that_is_too_long_is_one_line_and_no_fault_of_ours(run: Run) -> None:
    done = run("restore", "long" * 2000)
    assert done.returncode == 1
    assert done.stderr.startswith("vfscreen: cannot be used (File name too long): long")


def test_a_fault_of_ours_is_one_line_and_a_report(tmp_path: Path) -> None:
    code = (
        "import sys, ui.cli, ui.commands\n"
        "ui.commands.examine = None\n"
        f"sys.argv[1:] = ['doctor', '--data', {str(tmp_path)!r}]\n"
        "raise SystemExit(ui.cli.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (report,) = (tmp_path / "reports").iterdir()
    assert done.stderr.startswith(f"vfscreen: something of ours broke; what is stored is safe: {report}: ")
    assert len(done.stderr.splitlines()) == 1
    assert "TypeError" in report.read_text(encoding="utf-8")


def test_the_models_that_came_with_the_program_are_in_use(run: Run) -> None:
    lines = run("models", "list").stdout.splitlines()
    assert sorted(line.split()[2] for line in lines if line.startswith("*")) == ["grader", "localiser"]


def test_the_list_of_models_says_that_the_chosen_one_cannot_be_used(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data/models").mkdir(parents=True)
    (tmp_path / "data/models/active-grader.pointer").write_text("{")
    listed = run("models", "list")
    assert "The chosen grader cannot be used: the pointer to it cannot be read" in listed.stderr
    grader = next(line.split()[1] for line in listed.stdout.splitlines() if line.split()[2] == "grader")
    chosen = run("models", "activate", grader)
    assert chosen.returncode == 0 and "The way back to earlier models is lost" in chosen.stderr
    assert run("models", "list").stderr == ""


def test_a_chosen_model_that_cannot_be_used_is_said_wherever_one_screens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = shelf_in(DataFolder(tmp_path))
    shelf.local.mkdir()
    (shelf.local / "active-grader.pointer").write_text("{")
    assert models_to_use(shelf).grader == bundled_model(shelf, ModelKind.GRADER).weights
    assert capsys.readouterr().err.startswith("vfscreen: The chosen grader cannot be used: ")


def test_the_demo_writes_json_picture_and_store(run: Run, tmp_path: Path) -> None:
    done = run("demo", "--headless", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out/screen.json").read_text(encoding="utf-8"))
    schema = json.loads((ROOT / "docs/screening.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(written)
    named = {body["level"] for body in written["vertebrae"] if body["whole"]}
    expected = {f"T{k}" for k in range(1, 13)} | {"L1", "L2"}
    assert len(named & expected) >= 13
    with Image.open(tmp_path / "out/mid_sagittal.png") as picture:
        assert picture.height > 400
    assert (tmp_path / "out/vfscreen.sqlite").stat().st_size > 0


def test_the_data_folder_may_stand_before_the_command(run: Run, tmp_path: Path) -> None:
    done = run("--data", tmp_path / "elsewhere", "doctor")
    assert f"data folder: {tmp_path / 'elsewhere'}" in done.stdout


def test_damaged_settings_keep_nobody_from_a_backup(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data/settings.toml").write_text("held_out_share = seven", encoding="utf-8")
    done = run("backup", "--to", tmp_path / "copy.sqlite")
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()).is_file()


def test_an_empty_file_is_no_backup(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.sqlite").touch()
    done = run("restore", tmp_path / "empty.sqlite")
    assert done.returncode == 1
    assert "no backup" in done.stderr


def test_two_files_of_one_name_get_two_pictures() -> None:
    paths = [Path("/cases/a/ct.nii.gz"), Path("/cases/b/ct.nii.gz"), Path("/cases/c.nii")]
    assert picture_names(paths) == ["a-ct.png", "b-ct.png", "c.png"]

"""The engine as a child process: JSON lines and nothing else, errors in words, gone when its input closes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import psutil
import pytest

from tests.demo_bodies import cut_round_bodies, demo_bodies, facts_of_file, write_nifti
from tests.small_models import write_small_grader
from vfscreen.explanations import read_explanation
from vfscreen.findings import screening_to_json
from vfscreen.volume import Volume
from vfscreen.wire import facts_to_wire, screening_from_wire, suggestion_from_wire, vertebra_to_wire

Json = dict[str, Any]
SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "screening.schema.json").read_text(encoding="utf-8")
)


@contextmanager
def engine(code: str = "from ui.cli import main; main()") -> Iterator[subprocess.Popen[str]]:
    """A running engine; `code` may do something else before it starts."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.argv[1:] = ['engine']; {code}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def request(number: int, verb: str, path: Path, **more: Any) -> Json:
    return {
        "id": number, "verb": verb, "path": str(path), "files": [], "localiser": None, "grader": None,
        "bodies_from": None, "reference": "expected_by_level", "reference_file": None, "threads": 1,
    } | more  # fmt: skip


def ask(process: subprocess.Popen[str], message: Json) -> list[Json]:
    """Sends one message and returns everything that is said of it, the answer last."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    said: list[Json] = []
    while not said or "progress" in said[-1]:
        said.append(json.loads(process.stdout.readline()))
        assert said[-1]["id"] == message["id"]
    return said


@pytest.fixture(scope="module")
def ct(demo_volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nifti(cut_round_bodies(demo_volume), tmp_path_factory.mktemp("ct") / "ct.nii")


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_grader(tmp_path_factory.mktemp("models"), "grader-small")


@pytest.fixture(scope="module")
def running() -> Iterator[subprocess.Popen[str]]:
    with engine() as process:
        yield process


def test_bodies_whose_points_are_known_are_graded(
    running: subprocess.Popen[str], ct: Path, grader: Path
) -> None:
    bodies = [vertebra_to_wire(body) for body in demo_bodies()]
    bodies[1] |= {"points_lps_mm": None, "axes": None, "heights_mm": None}
    *progress, answer = ask(running, request(1, "grade", ct, grader=str(grader), vertebrae=bodies))
    assert [said["progress"]["doing"] for said in progress] == ["reading", "grading"]
    assert answer["result"][1] is None
    suggestion = suggestion_from_wire(answer["result"][0])
    assert suggestion.model == "grader-small"
    assert sum(suggestion.probabilities) == pytest.approx(1)

    known = {"files": [str(ct)], "facts": facts_to_wire(facts_of_file(ct))}
    embedded = ask(running, request(2, "embed", ct, grader=str(grader), vertebrae=bodies, **known))[-1]
    assert np.allclose(embedded["result"][0], suggestion.embedding, atol=1e-5)
    assert embedded["result"][1] is None


def test_the_demo_ct_is_screened_in_order_with_little_memory(
    running: subprocess.Popen[str], demo_ct: Path, grader: Path
) -> None:
    *progress, answer = ask(running, request(5, "screen", demo_ct, grader=str(grader)))
    shares = [said["progress"]["share"] for said in progress]
    assert shares == sorted(shares) and shares[-1] == 1.0
    screening = screening_from_wire(answer["result"])
    jsonschema.validate(json.loads(json.dumps(screening_to_json(screening))), SCHEMA)
    found = {finding.vertebra.level: finding for finding in screening.findings}
    for body in demo_bodies():
        finding = found[body.level]
        assert np.linalg.norm(finding.vertebra.centre_lps_mm - body.centre_lps_mm) < 6.0
        assert finding.morphometry is not None and finding.suggestion is not None
    heights = [-finding.vertebra.centre_lps_mm[2] for finding in screening.findings]
    assert heights == sorted(heights), "from the head down"
    assert set(screening.seconds) == {"read", "localise", "grade"}
    assert peak_megabytes(running.pid) < 1500


def peak_megabytes(pid: int) -> float:
    """The most memory that a process ever held; what it holds now where the system does not keep that."""
    status = Path(f"/proc/{pid}/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return float(psutil.Process(pid).memory_info().rss / 2**20)


def test_what_is_refused_comes_as_three_sentences_and_the_engine_goes_on(
    running: subprocess.Popen[str], tmp_path: Path
) -> None:
    for number in (11, 12):
        error = ask(running, request(number, "screen", tmp_path / "nothing"))[-1]["error"]
        assert error["kind"] == "UnreadableFile"
        assert error["what"] and error["where"] == str(tmp_path / "nothing") and error["todo"]


def test_a_tampered_grader_is_refused_by_name(
    running: subprocess.Popen[str], ct: Path, tmp_path: Path
) -> None:
    weights = write_small_grader(tmp_path, "grader-tampered")
    weights.write_bytes(weights.read_bytes()[:-4] + b"evil")
    error = ask(running, request(21, "grade", ct, grader=str(weights), vertebrae=[]))[-1]["error"]
    assert error["kind"] == "WeightsDamaged" and error["where"] == str(weights)


def test_a_bug_of_ours_is_reported_without_what_the_files_say(
    running: subprocess.Popen[str], ct: Path, grader: Path
) -> None:
    secret = vertebra_to_wire(demo_bodies()[0]) | {"level": "MUELLER^HANS"}
    said = ask(running, request(31, "grade", ct, grader=str(grader), vertebrae=[secret]))[-1]["bug"]
    assert said.startswith("ValueError") and "wire.py" in said
    assert "MUELLER" not in said and str(ct) not in said


def test_an_explanation_is_written_to_the_file_that_was_named(
    running: subprocess.Popen[str], ct: Path, grader: Path, tmp_path: Path
) -> None:
    bodies = [vertebra_to_wire(body) for body in demo_bodies()]
    asked = {
        "vertebrae": bodies,
        "grader": str(grader),
        "reference": "expected_by_level",
        "reference_file": None,
    }
    keep = tmp_path / "explanations" / "one.npz"
    *progress, answer = ask(running, request(35, "explain", ct, place=3, keep=str(keep), **asked))
    assert answer == {"id": 35, "result": {"file": str(keep)}}
    shares = [said["progress"]["share"] for said in progress]
    assert shares == sorted(shares) and len(shares) > 5
    (graded, *_) = ask(running, request(36, "grade", ct, **asked))[-1]["result"][3:]
    explanation = read_explanation(keep)
    np.testing.assert_allclose(
        explanation.suggestion.probabilities, suggestion_from_wire(graded).probabilities, atol=1e-3
    )
    assert explanation.unbroken is not None and explanation.unbroken.missing_mm[0] > 0


def test_what_cannot_be_explained_or_written_is_refused_by_name(
    running: subprocess.Popen[str], ct: Path, grader: Path, tmp_path: Path
) -> None:
    bodies = [vertebra_to_wire(body) for body in demo_bodies()]
    bodies[0]["points_lps_mm"] = None
    asked = {
        "vertebrae": bodies,
        "grader": str(grader),
        "reference": "expected_by_level",
        "reference_file": None,
    }
    keep = tmp_path / "one.npz"
    error = ask(running, request(37, "explain", ct, place=0, keep=str(keep), **asked))[-1]["error"]
    assert error["kind"] == "NoSuchThing" and error["where"] == "T9" and not keep.exists()
    (tmp_path / "file").write_bytes(b"")
    nowhere = tmp_path / "file" / "one.npz"
    error = ask(running, request(38, "explain", ct, place=3, keep=str(nowhere), **asked))[-1]["error"]
    assert error["kind"] == "NotWritable"


def test_a_request_that_was_taken_back_ends_as_cancelled(
    running: subprocess.Popen[str], ct: Path, grader: Path
) -> None:
    assert running.stdin is not None
    running.stdin.write(json.dumps({"verb": "cancel", "id": 41}) + "\n")
    answer = ask(running, request(41, "grade", ct, grader=str(grader), vertebrae=[]))[-1]
    assert answer == {"id": 41, "cancelled": True}


def test_whatever_a_library_prints_never_reaches_the_pipe(tmp_path: Path) -> None:
    """Python's print and a write to the bare descriptor, as C code does it, both go to the standard error."""
    noisy = (
        "import os, models.engine as e; real = e.Engine.answer; "
        "e.Engine.answer = lambda *a: (print('noise'), os.write(1, b'noise'), real(*a))[-1]; e.main()"
    )
    with engine(noisy) as process:
        assert "error" in ask(process, request(1, "screen", tmp_path / "nothing"))[-1]
        _, errors = process.communicate(timeout=20)
    assert errors.count("noise") >= 1


def test_the_engine_goes_when_its_input_closes() -> None:
    with engine() as process:
        output, errors = process.communicate(timeout=20)
        assert (process.returncode, output, errors) == (0, "", "")

"""What losses are measured against reaches the engine, and stands with every finding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.engine import Engine
from tests.demo_bodies import cut_round_bodies, write_nifti
from vfscreen.errors import ReferenceWrong
from vfscreen.findings import Screening
from vfscreen.genant import Reference
from vfscreen.reference_file import COLUMNS
from vfscreen.volume import Volume
from vfscreen.wire import screening_from_wire

ENGINE = Engine()


@pytest.fixture(scope="module")
def ct(demo_volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nifti(cut_round_bodies(demo_volume), tmp_path_factory.mktemp("ct") / "ct.nii")


def screened(ct: Path, reference: Reference, file: Path | None) -> Screening:
    request: dict[str, Any] = {
        "verb": "screen", "path": str(ct), "files": [], "localiser": None, "grader": None, "bodies_from": None,
        "reference": str(reference), "reference_file": None if file is None else str(file),
    }  # fmt: skip
    return screening_from_wire(ENGINE.answer(request, lambda _doing, _share: None))


def test_convention_and_table_come_back_with_every_finding(ct: Path, tmp_path: Path) -> None:
    file = tmp_path / "ours.csv"
    file.write_text(",".join(COLUMNS) + "\nT12,0.7,0.91,,,50,ours\n")
    ours = [one for one in screened(ct, Reference.EXPECTED_BY_LEVEL, file).findings if one.morphometry]
    tables = {str(one.vertebra.level): one.morphometry.table for one in ours if one.morphometry}
    assert tables["T12"].startswith("ours.csv ")
    assert set(tables.values()) - {tables["T12"]} == {"vfscreen 1"}
    beside = [one.morphometry for one in screened(ct, Reference.NEIGHBOURS, None).findings if one.morphometry]
    assert len(beside) == len(ours)
    assert {one.reference for one in beside} == {Reference.NEIGHBOURS}


def test_a_bad_table_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ReferenceWrong, match="cannot be read"):
        screened(tmp_path / "no.nii", Reference.EXPECTED_BY_LEVEL, tmp_path / "none.csv")

"""A department's own reference file: what is taken, and what is said of one that is not right."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfscreen.anatomy import Level
from vfscreen.errors import ReferenceWrong
from vfscreen.genant import Heights, Reference, measure
from vfscreen.reference import EXPECTED
from vfscreen.reference_file import COLUMNS, ReferenceChoice, read_reference_file
from vfscreen.settings import Settings, load_settings, save_settings

HEAD = ",".join(COLUMNS)
T12 = "T12,0.88,0.90,0.05,,140,our women over 50"


def written(folder: Path, *lines: str) -> Path:
    """A reference file with these lines."""
    path = folder / "ours.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_table_is_read_with_what_it_says(tmp_path: Path) -> None:
    table = read_reference_file(written(tmp_path, "# ours", HEAD, T12, "", "L1,0.9,0.91,0.05,0.04,120,ours"))
    row = table.levels[Level.T12]
    assert (row.anterior, row.middle, row.anterior_sd, row.middle_sd) == (0.88, 0.90, 0.05, None)
    assert (row.bodies, row.source) == (140, "our women over 50")
    assert set(table.levels) == {Level.T12, Level.L1}
    assert table.name.startswith("ours.csv ")


def test_what_a_spreadsheet_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    head = "Source;N;" + ";".join(COLUMNS[:5]).upper()
    path.write_bytes(b"\xef\xbb\xbf" + f"{head}\r\nours, all;30;t12;0,88;0,9;0,05;\r\n".encode())
    row = read_reference_file(path).levels[Level.T12]
    assert (row.anterior, row.middle, row.anterior_sd, row.source) == (0.88, 0.9, 0.05, "ours, all")


def test_another_content_is_another_name(tmp_path: Path) -> None:
    one = read_reference_file(written(tmp_path, HEAD, T12)).name
    assert read_reference_file(written(tmp_path, HEAD, T12)).name == one
    assert read_reference_file(written(tmp_path, HEAD, T12.replace("0.88", "0.89"))).name != one


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "no head line"),
        ([HEAD], "no level in it"),
        (["level,ha_hp", "T12,0.9"], "no hm_hp, sd_ha_hp, sd_hm_hp, n, source"),
        ([HEAD, T12, T12], "T12 stands there twice"),
        ([HEAD, T12.replace("T12", "T21")], "No vertebra is called 'T21'"),
        ([HEAD, T12.replace("T12", "C3")], "C3 is not measured"),
        ([HEAD, T12.replace("0.88", "88")], "ha_hp is from 0.5 to 1.6, not 88"),
        ([HEAD, T12.replace("0.90", "often")], "hm_hp is a number, not 'often'"),
        ([HEAD, T12.replace("0.90", "")], "hm_hp is a number, not ''"),
        ([HEAD, T12.replace("0.88", "nan")], "ha_hp is from 0.5 to 1.6, not nan"),
        ([HEAD, T12.replace("0.05", "5")], "sd_ha_hp is from 0.001 to 0.3, not 5"),
        ([HEAD, T12.replace("140", "0")], "n is from 1"),
        ([HEAD, T12.replace("140", "1.5")], "n is a whole number"),
        ([HEAD, T12.replace("our women over 50", "")], "source is empty"),
        ([HEAD, T12 + ",more"], "8 cells under 7 names"),
    ],
)
def test_a_wrong_line_is_named_with_what_it_should_be(
    tmp_path: Path, lines: list[str], sentence: str
) -> None:
    path = written(tmp_path, *lines)
    with pytest.raises(ReferenceWrong, match=sentence) as caught:
        read_reference_file(path)
    assert caught.value.where.startswith(str(path))
    assert "settings" in caught.value.todo


@given(st.binary(max_size=200))
def test_whatever_is_in_the_file_it_is_a_table_or_a_sentence(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for path, start in ((Path(folder) / "a.csv", b""), (Path(folder) / "b.csv", f"{HEAD}\n".encode())):
            path.write_bytes(start + content)
            with suppress(ReferenceWrong):
                assert read_reference_file(path).levels


def test_a_file_that_is_not_there_or_far_too_large_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReferenceWrong, match="cannot be read"):
        read_reference_file(tmp_path / "none.csv")
    with pytest.raises(ReferenceWrong, match="cannot be read"):
        read_reference_file(tmp_path)
    large = tmp_path / "large.csv"
    large.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ReferenceWrong, match="too large"):
        read_reference_file(large)


def test_the_settings_choose_convention_and_table(tmp_path: Path) -> None:
    usual = load_settings(tmp_path / "settings.toml").reference_choice(tmp_path)
    assert usual == ReferenceChoice()
    assert usual.table() is EXPECTED
    written(tmp_path, HEAD, T12)
    save_settings(
        tmp_path / "settings.toml", Settings(reference=Reference.NEIGHBOURS, reference_file="ours.csv")
    )
    chosen = load_settings(tmp_path / "settings.toml").reference_choice(tmp_path)
    assert chosen == ReferenceChoice(Reference.NEIGHBOURS, tmp_path / "ours.csv")
    assert chosen.table().levels[Level.T12].bodies == 140
    elsewhere = str(tmp_path / "else" / "theirs.csv")
    assert Settings(reference_file=elsewhere).reference_choice(tmp_path).file == Path(elsewhere)


def test_a_loss_names_the_table_that_it_was_measured_against(tmp_path: Path) -> None:
    table = read_reference_file(written(tmp_path, HEAD, T12))
    body = Heights(22.0, 22.5, 25.0)
    found = measure(Level.T12, body, 0.5, Reference.EXPECTED_BY_LEVEL, table=table)
    assert (found.table, found.loss_percent) == (table.name, pytest.approx(0.0, abs=1e-9))

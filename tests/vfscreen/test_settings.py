"""The settings file."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfscreen import settings as settings_module
from vfscreen.errors import SettingWrong
from vfscreen.findings import Mode
from vfscreen.retraining import Needs
from vfscreen.settings import (
    SettingRow,
    Settings,
    Words,
    load_settings,
    save_settings,
    setting_rows,
)  # fmt: skip
from vfscreen.split import USUAL_SHARES, Shares
from vfscreen.toml_text import key_text, value_text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the settings lie."""
    return tmp_path / "settings.toml"


def test_without_a_file_everything_is_usual(path: Path) -> None:
    assert load_settings(path) == Settings()
    assert not path.exists()


def test_the_usual_numbers_are_those_of_the_use_cases() -> None:
    assert Settings().shares() == USUAL_SHARES
    assert Settings().needs() == Needs()


def test_needs_and_shares_follow_the_settings() -> None:
    chosen = Settings(held_out_percent=20, test_percent=0, training_patients=30, gate_patients=4)
    assert chosen.shares() == Shares(20, 0)
    assert (chosen.needs().patients, chosen.needs().gate.patients) == (30, 4)


def test_what_is_saved_is_loaded(path: Path) -> None:
    chosen = Settings(
        reader='Dr "K" Ü\n', mode=Mode.SCREEN, go_on_by_itself=False, cache_gigabytes=2.5, threads=3
    )
    save_settings(path, chosen)
    assert load_settings(path) == chosen


def test_every_setting_has_words_and_they_stand_in_the_file(path: Path) -> None:
    save_settings(path, Settings())
    text = path.read_text(encoding="utf-8")
    rows = setting_rows()
    assert [row.name for row in rows] == [field.name for field in fields(Settings)]
    for row in rows:
        assert row.words.words.endswith(".")
        assert f"# {row.words.words}\n{row.name} = {value_text(row.default)}\n" in text


def test_keys_of_another_program_version_are_kept(path: Path) -> None:
    path.write_text('future = "yes"\nthreads = 2\n[table]\na = [1, 2.5]\n"odd key" = {b = true}\n')
    save_settings(path, replace(load_settings(path), threads=4))
    kept = tomllib.loads(path.read_text(encoding="utf-8"))
    assert (kept["threads"], kept["future"]) == (4, "yes")
    assert kept["table"] == {"a": [1, 2.5], "odd key": {"b": True}}


def test_a_renamed_setting_is_carried_forward(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tuple(
        SettingRow(row.name, row.kind, row.default, Words(row.words.words, was="cores"))
        if row.name == "threads"
        else row
        for row in setting_rows()
    )
    monkeypatch.setattr(settings_module, "setting_rows", lambda: rows)
    path.write_text("cores = 6\n")
    assert load_settings(path).threads == 6
    save_settings(path, load_settings(path))
    kept = tomllib.loads(path.read_text(encoding="utf-8"))
    assert kept["threads"] == 6
    assert "cores" not in kept


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("threads = 1.5", "threads is a whole number"),
        ("threads = true", "threads is a whole number"),
        ("threads = -1", "threads is from 0 to 256"),
        ('cache_gigabytes = "20"', "cache_gigabytes is a number"),
        ("cache_gigabytes = 0.5", "cache_gigabytes is at least 1"),
        ("cache_gigabytes = nan", "cache_gigabytes is at least 1"),
        ("go_on_by_itself = 1", "go_on_by_itself is true or false"),
        ("reader = 7", "reader is text in quotes"),
        ('mode = "grade"', "mode is one of read, screen"),
        ("mode = 1", "mode is one of read, screen"),
        ("mode = ", "cannot be read"),
        ('reference = "mean"', "reference is one of own_posterior, neighbours, expected_by_level"),
        ("reference_file = 3", "reference_file is text in quotes"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_should_be(path: Path, line: str, sentence: str) -> None:
    path.write_text(line)
    with pytest.raises(SettingWrong, match=sentence):
        load_settings(path)
    assert path.read_text() == line


def test_a_whole_number_is_a_number(path: Path) -> None:
    path.write_text("cache_gigabytes = 30")
    assert load_settings(path).cache_gigabytes == 30.0


def test_a_file_that_is_not_toml_is_not_overwritten(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingWrong, match="cannot be read"):
        save_settings(path, Settings())
    assert path.read_bytes() == b"\xff\xfe"


def test_shares_that_leave_nobody_to_train_on_are_named() -> None:
    with pytest.raises(SettingWrong, match="held_out_percent"):
        Settings(held_out_percent=60, test_percent=60).shares()


plain = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(),
    st.dates(),
    st.times(),
)
trees = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.text(st.characters(exclude_categories=["Cs"])), trees)
def test_toml_reads_what_was_written(name: str, value: object) -> None:
    assert tomllib.loads(f"{key_text(name)} = {value_text(value)}") == {name: value}


def test_times_are_written_as_toml_wants_them() -> None:
    assert value_text(datetime(2026, 1, 2, 3, 4, tzinfo=UTC)) == "2026-01-02T03:04:00+00:00"
    assert (value_text(date(2026, 1, 2)), value_text(time(3, 4))) == ("2026-01-02", "03:04:00")


def test_what_toml_lacks_is_refused() -> None:
    with pytest.raises(TypeError, match="NoneType"):
        value_text(None)

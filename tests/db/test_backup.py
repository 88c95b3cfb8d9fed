"""Backups: whole, checked, dated, thinned, and the way back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.backup import DAILY, MONTHLY, WEEKLY, dated, restore, thin, worth_keeping
from db.opening import FILE_NAME
from db.schema import SCHEMA_NUMBER
from db.store import Store, open_store
from tests.db.made_cases import Ticking, say, screened_case
from vfscreen.errors import KnownError, NoSuchThing, StoreDamaged, StoreLocked, StoreTooNew, StoreUnreachable
from vfscreen.genant import ReadGrade

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def grade_one(store: Store, name: str = "one") -> None:
    """Adds a case with one reading."""
    say(store, store.case(screened_case(store, name), "K"), 0, ReadGrade.MILD)


def readings_in(folder: Path) -> int:
    """Counts what a store in a folder holds."""
    with open_store(folder) as store:
        assert store.check() == []
        return len(store.all_readings())


def test_a_backup_is_one_file_that_opens_as_a_store(store: Store, tmp_path: Path) -> None:
    grade_one(store)
    written = store.backup(tmp_path / "copies" / FILE_NAME)
    assert [path.name for path in written.parent.iterdir()] == [FILE_NAME]
    assert readings_in(written.parent) == 1


def test_into_a_folder_a_backup_gets_the_name_of_the_moment(store: Store, tmp_path: Path) -> None:
    assert store.backup(tmp_path) == tmp_path / "vfscreen-20261125-090001.sqlite"
    later = store.backup(tmp_path / "new" / "folder")
    assert later == tmp_path / "new" / "folder" / "vfscreen-20261125-090002.sqlite"


def test_a_backup_replaces_an_older_one_of_the_same_name(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "copy.sqlite"
    store.backup(target)
    grade_one(store)
    store.backup(target)
    restore(target, tmp_path / "restored", NOW)
    assert readings_in(tmp_path / "restored") == 1


def test_a_backup_is_taken_while_another_connection_writes(store: Store, tmp_path: Path) -> None:
    grade_one(store)
    with closing(sqlite3.connect(store.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO reader (name, added_at) VALUES ('unfinished', '2026-01-01')")
        written = store.backup(tmp_path / "copy" / FILE_NAME)
        other.execute("COMMIT")
    assert readings_in(written.parent) == 1


def test_a_backup_never_takes_the_stores_own_place(store: Store) -> None:
    with pytest.raises(KnownError, match="own place"):
        store.backup(store.file)


def test_a_backup_takes_the_place_of_nothing_but_a_backup(store: Store, tmp_path: Path) -> None:
    table = tmp_path / "readings.csv"
    table.write_text("patient,grade")
    with pytest.raises(KnownError, match="no backup"):
        store.backup(table)
    assert table.read_text() == "patient,grade"
    with open_store(tmp_path / "another") as another:
        grade_one(another)
        with pytest.raises(KnownError, match="own place"):
            store.backup(another.file)
        assert len(another.all_readings()) == 1


def test_a_folder_that_cannot_be_made_is_named(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnreachable, match="cannot be made"):
        store.backup(tmp_path / "file" / "copies" / "x.sqlite")


def test_an_unsound_store_gives_no_backup_and_leaves_the_old_one(store: Store, tmp_path: Path) -> None:
    grade_one(store)
    target = store.backup(tmp_path / "copy.sqlite")
    before = target.read_bytes()
    with closing(sqlite3.connect(store.file)) as connection:
        connection.execute("UPDATE body SET series_id = 'gone'")
        connection.commit()
    with pytest.raises(StoreDamaged, match="not sound"):
        store.backup(target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*copy*")] == ["copy.sqlite"]


def test_dated_copies_are_made_when_the_newest_is_old_enough(
    store: Store, clock: Ticking, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    first = store.back_up_dated(folder)
    assert first is not None
    assert store.back_up_dated(folder) is None
    clock.now += timedelta(minutes=31)
    second = store.back_up_dated(folder)
    assert second is not None
    assert sorted(dated(folder).values()) == sorted([first, second])


def test_thinning_deletes_only_dated_copies(tmp_path: Path) -> None:
    for hour in range(24 * 5):
        time = NOW - timedelta(hours=hour)
        (tmp_path / f"vfscreen-{time:%Y%m%d-%H%M%S}.sqlite").touch()
    others = ["vfscreen-schema-1.sqlite", "vfscreen-20200101-000000.sqlite.old", "notes.txt"]
    for name in others:
        (tmp_path / name).touch()
    gone = thin(tmp_path, NOW)
    left = {path.name for path in tmp_path.iterdir()}
    assert set(others) <= left
    assert len(gone) == 24 * 5 - len(dated(tmp_path))
    assert all(time in dated(tmp_path) for time in [NOW - timedelta(hours=hour) for hour in range(49)])


def test_a_year_of_daily_use_keeps_about_thirty_copies_back_to_the_first_months() -> None:
    kept: set[datetime] = set()
    for day in range(365):
        now = NOW + timedelta(days=day)
        kept = worth_keeping(kept | {now, now - timedelta(hours=3)}, now)
    assert len(kept) <= 6 + DAILY + WEEKLY + MONTHLY
    assert (now - min(kept)).days > 250


@given(st.lists(st.integers(0, 400 * 24), min_size=1, max_size=60))
def test_thinning_keeps_the_newest_and_thins_no_more_the_second_time(hours: list[int]) -> None:
    times = {NOW - timedelta(hours=hour) for hour in hours}
    kept = worth_keeping(times, NOW)
    assert kept <= times
    assert max(times) in kept
    assert {time for time in times if NOW - time <= timedelta(days=2)} <= kept
    assert worth_keeping(kept, NOW) == kept


def test_a_restored_backup_is_the_store_again_and_the_other_is_kept(folder: Path, tmp_path: Path) -> None:
    with open_store(folder) as store:
        grade_one(store, "one")
        backup = store.backup(tmp_path / "backup.sqlite")
        grade_one(store, "two")
    aside = restore(backup, folder, NOW)
    assert readings_in(folder) == 1
    assert aside == folder / "vfscreen-before-restore-20261125-120000.sqlite"
    kept = tmp_path / "kept"
    kept.mkdir()
    aside.rename(kept / FILE_NAME)
    assert readings_in(kept) == 2


def test_a_backup_is_restored_into_an_empty_folder(store: Store, tmp_path: Path) -> None:
    grade_one(store)
    backup = store.backup(tmp_path / "backup.sqlite")
    assert restore(backup, tmp_path / "fresh", NOW) is None
    assert readings_in(tmp_path / "fresh") == 1


def test_a_damaged_store_is_set_aside_by_a_restore(folder: Path, tmp_path: Path) -> None:
    with open_store(folder) as store:
        grade_one(store)
        backup = store.backup(tmp_path / "backup.sqlite")
    (folder / FILE_NAME).write_bytes(b"\xff" * 5000)
    aside = restore(backup, folder, NOW)
    assert readings_in(folder) == 1
    assert aside is not None
    assert aside.read_bytes() == b"\xff" * 5000


@pytest.mark.parametrize("left", [b"", None])
def test_an_emptied_or_vanished_store_is_restored_and_its_log_kept_aside(
    folder: Path, tmp_path: Path, left: bytes | None
) -> None:
    with open_store(folder) as store:
        grade_one(store)
        backup = store.backup(tmp_path / "copy.sqlite")
    (folder / FILE_NAME).unlink()
    if left is not None:
        (folder / FILE_NAME).write_bytes(left)
    (folder / f"{FILE_NAME}-wal").write_bytes(b"what was written last")
    aside = restore(backup, folder, NOW)
    assert readings_in(folder) == 1
    assert aside is not None
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == b"what was written last"


def test_a_store_that_is_open_elsewhere_is_not_replaced(store: Store, folder: Path, tmp_path: Path) -> None:
    grade_one(store)
    backup = store.backup(tmp_path / "backup.sqlite")
    with pytest.raises(StoreLocked):
        restore(backup, folder, NOW)
    assert len(store.all_readings()) == 1
    assert not list(folder.glob(".*"))


def test_what_is_no_sound_backup_is_refused_and_nothing_changes(folder: Path, tmp_path: Path) -> None:
    before = (folder / FILE_NAME).read_bytes()
    bad = tmp_path / "bad.sqlite"
    with pytest.raises(NoSuchThing):
        restore(bad, folder, NOW)
    bad.write_bytes(b"nonsense" * 1000)
    with pytest.raises(StoreDamaged, match="no backup of a store"):
        restore(bad, folder, NOW)
    bad.unlink()
    with closing(sqlite3.connect(bad)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    with pytest.raises(StoreDamaged, match="no backup of a store"):
        restore(bad, folder, NOW)
    with pytest.raises(KnownError, match="itself"):
        restore(folder / FILE_NAME, folder, NOW)
    assert (folder / FILE_NAME).read_bytes() == before


def test_a_backup_with_a_damaged_page_is_refused(folder: Path, tmp_path: Path) -> None:
    with open_store(folder) as store:
        for number in range(30):
            grade_one(store, str(number))
        backup = store.backup(tmp_path / "backup.sqlite")
    content = bytearray(backup.read_bytes())
    page = len(content) // 2 // 4096 * 4096
    content[page : page + 4096] = b"\xff" * 4096
    backup.write_bytes(bytes(content))
    with pytest.raises(StoreDamaged):
        restore(backup, folder, NOW)
    assert readings_in(folder) == 30


def test_a_backup_of_a_newer_program_or_with_loose_ends_is_refused(folder: Path, tmp_path: Path) -> None:
    with open_store(folder) as store:
        grade_one(store)
        loose, newer = store.backup(tmp_path / "loose.sqlite"), store.backup(tmp_path / "newer.sqlite")
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_NUMBER + 1}")
    with closing(sqlite3.connect(loose)) as connection:
        connection.execute("UPDATE body SET series_id = 'gone'")
        connection.commit()
    with pytest.raises(StoreTooNew):
        restore(newer, folder, NOW)
    with pytest.raises(StoreDamaged, match="foreign keys"):
        restore(loose, folder, NOW)

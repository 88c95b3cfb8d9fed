"""Migrations: what they make is what the mappings say, and stored files of older releases open."""

from __future__ import annotations

import gzip
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

import db
from db import opening
from db.copying import copy_before_migration
from db.migrating import alembic_config
from db.opening import FILE_NAME, OpenFile
from db.schema import SCHEMA_NUMBER, Base
from db.store import Store, open_store
from tests.db.made_cases import say, screened_case
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade
from vfscreen.reading import sign_of


def test_the_migrated_schema_equals_the_mappings(opened: OpenFile) -> None:
    with opened.reading.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_foreign_keys_and_uniques_are_those_of_the_mappings(opened: OpenFile) -> None:
    """Alembic compares them on SQLite only in part, so they are compared here by hand."""
    found = inspect(opened.reading)
    for table in Base.metadata.sorted_tables:
        keys = {
            (tuple(key["constrained_columns"]), key["referred_table"])
            for key in found.get_foreign_keys(table.name)
        }
        assert keys == {
            (tuple(key.column_keys), key.elements[0].column.table.name)
            for key in table.foreign_key_constraints
        }


def test_there_is_one_line_of_migrations_and_its_length_is_the_schema_number() -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert len(script.get_heads()) == 1
    assert len(list(script.walk_revisions())) == SCHEMA_NUMBER
    assert script.get_current_head() == f"{SCHEMA_NUMBER:04}"


def test_the_schema_number_of_this_release() -> None:
    """A new migration changes this line, and adds a stored file of the schema before it."""
    assert SCHEMA_NUMBER == 2


def test_opening_twice_migrates_once(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        say(store, store.case(screened_case(store), "K"), 0, ReadGrade.MILD)
    before = (tmp_path / FILE_NAME).read_bytes()
    with open_store(tmp_path) as store:
        assert len(store.all_readings()) == 1
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_processes_that_open_a_new_store_at_once_all_succeed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from db.store import open_store; open_store(Path(sys.argv[1]))"
    )
    children = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    with open_store(tmp_path) as store:
        assert store.check() == []


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "APPLICATION_ID", "no number")
    with pytest.raises(OperationalError, match="syntax"):
        open_store(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_an_older_file_is_copied_before_it_is_migrated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(folder) as store:
        series_id = screened_case(store)
    monkeypatch.setattr(opening, "SCHEMA_NUMBER", SCHEMA_NUMBER + 1)
    open_store(folder).close()
    with closing(sqlite3.connect(folder / FILE_NAME)) as migrated:
        assert migrated.execute("PRAGMA user_version").fetchone() == (SCHEMA_NUMBER + 1,)
    with closing(sqlite3.connect(folder / f"vfscreen-schema-{SCHEMA_NUMBER}.sqlite")) as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (SCHEMA_NUMBER,)
        assert kept.execute("SELECT id FROM series").fetchall() == [(series_id,)]


def test_the_copy_of_an_older_file_is_not_overwritten_by_a_second_try(store: Store, folder: Path) -> None:
    with closing(sqlite3.connect(store.file)) as connection:
        kept = copy_before_migration(connection, store.file, 1)
        before = kept.read_bytes()
        screened_case(store)
        assert copy_before_migration(connection, store.file, 1) == kept
    assert kept.read_bytes() == before


@pytest.mark.parametrize("number", range(1, SCHEMA_NUMBER + 1))
def test_a_stored_file_of_every_released_schema_opens_with_all_that_is_in_it(
    tmp_path: Path, number: int
) -> None:
    packed = Path(__file__).parent.parent / "data" / f"store_schema_{number}.sqlite.gz"
    (tmp_path / FILE_NAME).write_bytes(gzip.decompress(packed.read_bytes()))
    with open_store(tmp_path) as store:
        assert store.check() == []
        (row,) = store.worklist("K", Mode.READ)
        case = store.case(row.series_id, "K")
        assert [str(body.vertebra.level) for body in case.bodies] == ["T11", "T12", "L1"]
        assert [sign_of(case.readings.get(body.body_id)) for body in case.bodies] == ["1", "X", "_"]
        assert len(case.findings) == 3
        assert [len(body.readings) for body in store.labelled_bodies()] == [2]
        assert store.undo("K") is not None


def test_the_migrations_are_in_the_package() -> None:
    folder = Path(db.__file__).parent / "migrations"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"env.py", "script.py.mako", "versions/0001_first.py"} <= names


def test_the_migrations_are_in_the_wheel(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    root = Path(db.__file__).parent.parent
    (wheel,) = WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())
    assert {"db/migrations/env.py", "db/migrations/versions/0001_first.py"} <= names

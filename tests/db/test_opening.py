"""Opening the file: how it is written, and what is said when it cannot be."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path, PurePosixPath

import pytest
from sqlalchemy.exc import IntegrityError

from db import opening
from db.drives import filesystem_of, on_network_drive, parse_bsd_mounts, parse_linux_mounts
from db.faults import faults_named, known_error
from db.opening import APPLICATION_ID, FILE_NAME, NETWORK_NOTE, OpenFile, open_file
from db.schema import SCHEMA_NUMBER
from db.store import Store, open_store
from tests.db.made_cases import make_store, new_series, say, screened_case
from vfscreen.errors import (
    DiskFull,
    StoreDamaged,
    StoreLocked,
    StoreReadOnly,
    StoreTooNew,
    StoreUnreachable,
)  # fmt: skip
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade

NOBODY = 65534


def pragma(store_file: Path, name: str) -> object:
    """Asks the file through a connection of its own."""
    with closing(sqlite3.connect(store_file)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_commit_is_on_disk_and_foreign_keys_hold(folder: Path) -> None:
    opened = open_file(folder)
    with opened.writing.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "fullfsync", "busy_timeout")
        }
    opened.reading.dispose()
    assert found == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "fullfsync": 1, "busy_timeout": 10_000,
    }  # fmt: skip


def test_the_file_is_marked_as_ours_with_its_schema_number(store: Store) -> None:
    assert pragma(store.file, "application_id") == APPLICATION_ID
    assert pragma(store.file, "user_version") == SCHEMA_NUMBER


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    with open_store(tmp_path / "new" / "folder") as store:
        assert store.file == tmp_path / "new" / "folder" / FILE_NAME
        assert store.worklist("K", Mode.READ) == []
        assert store.notes == ()


def test_opening_a_store_that_is_up_to_date_does_not_load_alembic(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from db.store import open_store;"
        "open_store(Path(sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


def test_a_store_of_a_newer_program_is_refused_and_not_touched(folder: Path) -> None:
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_NUMBER + 1}")
    before = (folder / FILE_NAME).read_bytes()
    with pytest.raises(StoreTooNew, match="newer vfscreen"):
        open_store(folder)
    assert (folder / FILE_NAME).read_bytes() == before


def test_another_programs_database_is_not_taken_for_ours(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    with pytest.raises(StoreDamaged, match="not a label file"):
        open_store(tmp_path)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all " * 100)
    with pytest.raises(StoreDamaged, match="damaged") as caught:
        open_store(tmp_path)
    assert str(tmp_path) in caught.value.where
    assert "restore" in caught.value.todo.lower()


def test_an_emptied_file_is_not_taken_for_a_new_one_and_its_log_stays(folder: Path) -> None:
    (folder / FILE_NAME).write_bytes(b"")
    os.utime(folder / FILE_NAME, (1e9, 1e9))  # a new one may be in the making
    log = folder / f"{FILE_NAME}-wal"
    log.write_bytes(b"what was written last")
    with pytest.raises(StoreDamaged, match="it is cut short") as caught:
        open_store(folder)
    assert "restore" in caught.value.todo.lower()
    assert (folder / FILE_NAME).read_bytes() == b""
    assert log.read_bytes() == b"what was written last"


def test_an_empty_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    made = make_store(tmp_path / "made") / FILE_NAME
    (tmp_path / FILE_NAME).touch()
    writer = threading.Timer(0.3, lambda: made.replace(tmp_path / FILE_NAME))
    writer.start()
    with open_store(tmp_path) as store:
        assert store.check() == []


def test_a_log_whose_file_is_gone_is_not_thrown_away(folder: Path) -> None:
    (folder / FILE_NAME).unlink()
    log = folder / f"{FILE_NAME}-wal"
    log.write_bytes(b"what was written last")
    with pytest.raises(StoreDamaged, match="its log is still there"):
        open_store(folder)
    assert log.read_bytes() == b"what was written last"


@pytest.mark.parametrize("kept", [1, 90, 4096, 0.5, -4096, -1])
def test_a_file_that_was_cut_short_is_refused_and_not_touched(folder: Path, kept: float) -> None:
    whole = (folder / FILE_NAME).read_bytes()
    rest = whole[: int(len(whole) * kept) if kept == 0.5 else int(kept)]
    (folder / FILE_NAME).write_bytes(rest)
    with pytest.raises(StoreDamaged, match="damaged"):
        open_store(folder)
    assert (folder / FILE_NAME).read_bytes() == rest


def test_a_damaged_page_is_found_at_opening(folder: Path) -> None:
    with open_store(folder) as store:
        for number in range(30):
            store.add_series(new_series(str(number)))
    content = bytearray((folder / FILE_NAME).read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    (folder / FILE_NAME).write_bytes(bytes(content))
    with pytest.raises(StoreDamaged):
        open_store(folder)


def test_a_large_file_is_not_read_through_at_every_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "QUICK_CHECK_BELOW_BYTES", 10)
    with open_store(folder) as store:
        assert store.check() == []


def test_a_busy_store_is_named_after_the_wait(folder: Path) -> None:
    opened = open_file(folder, busy_s=0.05)
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLocked, match="busy"), faults_named(folder), opened.writing.begin():
            pass
    opened.reading.dispose()


def test_reading_goes_on_while_another_process_writes(store: Store) -> None:
    series_id = screened_case(store)
    with closing(sqlite3.connect(store.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.case(series_id, "K").series_id == series_id


def test_a_full_disk_is_named_and_nothing_of_the_verb_is_stored(store: Store, opened: OpenFile) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    with opened.reading.connect() as connection:  # one pooled connection, used by every verb
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    def grade_for_ever() -> None:
        while True:
            say(store, case, 0, ReadGrade.MILD)

    with pytest.raises(DiskFull, match="The disk is full"):
        grade_for_ever()
    stored = len(store.all_readings())
    with opened.reading.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    say(store, case, 0, ReadGrade.SEVERE)
    assert len(store.all_readings()) == stored + 1
    assert store.check() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_disk_too_full_to_read_the_store_is_named(store: Store, folder: Path) -> None:
    """Readers need room as well, for the index of the log; a limit on the size of files stands for the full disk."""
    store.close()
    child = os.fork()
    if child == 0:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            open_store(folder).has_patients()
        except DiskFull:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_write_protected_store_is_named(store: Store, opened: OpenFile) -> None:
    with opened.reading.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StoreReadOnly, match="may not be written"):
        store.add_series(new_series("one"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no folder modes")
@pytest.mark.parametrize("mode", [0o555, 0o444])
def test_a_store_in_a_folder_that_takes_no_log_beside_it_or_nobody_in_is_named(
    store: Store, mode: int
) -> None:
    """As on a medium that cannot be written. Root may write everywhere, so a child that is nobody opens it."""
    store.close()
    folder = Path(tempfile.mkdtemp())
    (folder / FILE_NAME).write_bytes(store.file.read_bytes())
    folder.chmod(mode)
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        try:
            open_store(folder)
        except StoreReadOnly:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    folder.chmod(stat.S_IRWXU)
    shutil.rmtree(folder)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no folder modes")
def test_a_folder_that_may_not_be_written_is_named() -> None:
    """Root may write everywhere: where the tests run as root, the store is opened by a child that is nobody."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR | stat.S_IROTH | stat.S_IXOTH)
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        try:
            open_store(folder / "data")
        except StoreReadOnly:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    folder.rmdir()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnreachable, match="folder"):
        open_store(tmp_path / "file")


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(StoreUnreachable, match="cannot be reached"):
        open_store(tmp_path)


def test_our_own_faults_are_not_dressed_up_as_the_worlds(store: Store, opened: OpenFile) -> None:
    with pytest.raises(sqlite3.OperationalError, match="syntax"), faults_named(store.file):
        sqlite3.connect(":memory:").execute("SELEC 1")
    with (
        pytest.raises(IntegrityError),
        faults_named(store.file),
        opened.writing.begin() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO study VALUES (1, 99, 'k', 'd')")
    assert known_error(sqlite3.ProgrammingError("no code at all"), store.file) is None


def test_readings_and_audit_cannot_be_changed_or_deleted(store: Store, opened: OpenFile) -> None:
    say(store, store.case(screened_case(store), "K"), 0, ReadGrade.MILD)
    store.reveal(store.worklist("K", Mode.READ)[0].series_id, "K", Mode.READ)
    for table in ("reading", "act", "event", "reveal"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET time = '2000-01-01'"):
            with (
                pytest.raises(IntegrityError, match="append-only"),
                opened.writing.begin() as connection,
            ):
                connection.exec_driver_sql(statement)


def test_on_a_network_drive_the_log_is_not_used_and_the_app_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(tmp_path) as local:
        assert pragma(local.file, "journal_mode") == "wal"
    monkeypatch.setattr(opening, "on_network_drive", lambda folder: True)
    with open_store(tmp_path) as remote:
        assert pragma(remote.file, "journal_mode") == "delete"
        assert remote.notes == (NETWORK_NOTE,)
        say(remote, remote.case(screened_case(remote), "K"), 0, ReadGrade.MILD)
        assert remote.check() == []


LINUX = """\
/dev/sda1 / ext4 rw 0 0
//server/share /mnt/share\\040drive cifs rw 0 0
/dev/sdb1 /mnt/share\\040drive/local ext4 rw 0 0
server:/export /home nfs4 rw 0 0
broken
"""
MAC = """\
/dev/disk3s1 on / (apfs, local, journaled)
//me@server/share on /Volumes/share (1) (smbfs, nodev, nosuid)
map auto_home on /System/Volumes/Data/home (autofs, automounted)
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/data", "ext4"),
        ("/mnt/share drive/vfscreen", "cifs"),
        ("/mnt/share drive/local/x", "ext4"),
        ("/home/k", "nfs4"),
        ("/homestead", "ext4"),
    ],
)
def test_linux_mounts(folder: str, kind: str) -> None:
    assert filesystem_of(PurePosixPath(folder), parse_linux_mounts(LINUX)) == kind


def test_mac_mounts() -> None:
    mounts = parse_bsd_mounts(MAC)
    assert filesystem_of(PurePosixPath("/Volumes/share (1)/data"), mounts) == "smbfs"
    assert filesystem_of(PurePosixPath("/Users/k"), mounts) == "apfs"
    assert filesystem_of(PurePosixPath("/Users/k"), []) == ""


def test_the_folder_of_this_test_is_local(tmp_path: Path) -> None:
    assert on_network_drive(tmp_path) is False

"""Pseudonyms are the same for the same person and key, and lead nowhere without the key."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vfscreen.errors import KnownError
from vfscreen.intake.pseudonym import pseudonym_key, pseudonym_of


def test_the_key_is_made_once_and_kept(tmp_path: Path):
    path = tmp_path / "data" / "pseudonym.key"
    key = pseudonym_key(path)
    assert len(key) == 32
    assert pseudonym_key(path) == key
    assert pseudonym_key(tmp_path / "other.key") != key


@pytest.mark.skipif(os.name == "nt", reason="Windows protects the folder, not the file")
def test_only_the_user_may_read_the_key(tmp_path: Path):
    pseudonym_key(tmp_path / "pseudonym.key")
    assert stat.S_IMODE((tmp_path / "pseudonym.key").stat().st_mode) == 0o600


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(pseudonym_key, [tmp_path / "pseudonym.key"] * 16))
    assert len(keys) == 1


def test_a_damaged_key_is_said_and_not_replaced(tmp_path: Path):
    (tmp_path / "pseudonym.key").write_bytes(b"short")
    with pytest.raises(KnownError, match="key of the pseudonyms is damaged"):
        pseudonym_key(tmp_path / "pseudonym.key")
    assert (tmp_path / "pseudonym.key").read_bytes() == b"short"


def test_patient_issuer_and_key_all_count():
    names = {
        pseudonym_of(key, patient, issuer)
        for key in (b"a" * 32, b"b" * 32)
        for patient in ("1", "2")
        for issuer in ("", "north")
    }
    assert len(names) == 8
    assert all(len(name) == 32 for name in names)
    assert pseudonym_of(b"a" * 32, "1", "") in names

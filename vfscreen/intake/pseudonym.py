"""Pseudonyms: a keyed hash of the patient's identity. The key never leaves the data folder."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

from vfscreen.errors import KnownError, PseudonymKeyLost

_KEY_BYTES = 32
_DIGITS = 32
_ANOTHER_PROCESS_WRITES_IT_S = 1.0


def pseudonym_key(path: Path, *, may_make: bool = True) -> bytes:
    """Returns the key in the file `path`; where there is none, makes one, readable by the user alone, if it may.

    (On Windows the folder's own rights protect it: a user's application data are closed to other users.)

    Raises:
        PseudonymKeyLost: there is no such file, and a new key may not be made.
        KnownError: the key file is damaged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not may_make and not path.exists():
        raise PseudonymKeyLost(
            "the key of the pseudonyms is gone, and this store knows patients already", str(path), PUT_IT_BACK
        )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    except FileExistsError:
        return _read_key(path)
    except OSError as error:
        raise _closed(path, error) from error
    key = secrets.token_bytes(_KEY_BYTES)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(key)
        stream.flush()
        os.fsync(stream.fileno())
    return key


PUT_IT_BACK = (
    "put your copy of this file back; under another key every known patient would count as a new one"
)


def key_print(key: bytes) -> str:
    """Returns what tells one key from another and gives nothing of it away."""
    return hmac.new(key, b"vfscreen/key-print/1", hashlib.sha256).hexdigest()[:_DIGITS]


def _read_key(path: Path) -> bytes:
    latest = time.monotonic() + _ANOTHER_PROCESS_WRITES_IT_S
    try:
        while len(key := path.read_bytes()) < _KEY_BYTES and time.monotonic() < latest:
            time.sleep(0.02)
    except OSError as error:
        raise _closed(path, error) from error
    if len(key) != _KEY_BYTES:
        raise KnownError(
            "the key of the pseudonyms is damaged", str(path), "restore it from a backup of the data folder"
        )
    return key


def _closed(path: Path, error: OSError) -> KnownError:
    what = f"the key of the pseudonyms cannot be opened ({error.strerror})"
    return KnownError(what, str(path), "give this user the right to it, or choose another data folder")


def pseudonym_of(key: bytes, patient: str, issuer: str = "") -> str:
    """Returns the pseudonym of a patient: the same for the same identity and key, and no way back without the key."""
    identity = f"{issuer}\x1f{patient}".encode()
    return hmac.new(key, identity, hashlib.sha256).hexdigest()[:_DIGITS]

"""Is a folder on a network drive? SQLite's write-ahead log needs shared memory, which those do not have.

Source: sqlite.org/wal.html, "WAL does not work over a network filesystem".
"""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

NETWORK_FILESYSTEMS = frozenset({
    "9p", "afpfs", "afs", "ceph", "cifs", "davfs", "fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.sshfs",
    "fuse.vmhgfs-fuse", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "prl_fs", "smb2",
    "smb3", "smbfs", "vboxsf", "virtiofs", "webdav",
})  # fmt: skip
_WINDOWS_REMOTE_DRIVE = 4  # DRIVE_REMOTE of GetDriveTypeW


def on_network_drive(folder: Path) -> bool:
    """Says whether an existing folder lies on a network drive; where that cannot be told, on none."""
    folder = folder.resolve()
    if sys.platform == "win32":
        return _windows_remote(folder)
    if sys.platform == "darwin":
        mounts = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=False).stdout
        return filesystem_of(PurePosixPath(folder), parse_bsd_mounts(mounts)) in NETWORK_FILESYSTEMS
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # a container without /proc; its folders are local
        return False
    return filesystem_of(PurePosixPath(folder), parse_linux_mounts(mounts)) in NETWORK_FILESYSTEMS


def filesystem_of(folder: PurePosixPath, mounts: list[tuple[PurePosixPath, str]]) -> str:
    """Returns the type of the file system that a folder lies on: that of the deepest, last mounted one above it."""
    best = (-1, "")
    for point, kind in mounts:
        if folder.is_relative_to(point) and len(point.parts) >= best[0]:
            best = (len(point.parts), kind)
    return best[1].lower()


def parse_linux_mounts(text: str) -> list[tuple[PurePosixPath, str]]:
    """Reads /proc/mounts: device, mount point with octal escapes, type, ..."""
    found = []
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) >= 3:
            point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[1])
            found.append((PurePosixPath(point), fields[2]))
    return found


def parse_bsd_mounts(text: str) -> list[tuple[PurePosixPath, str]]:
    """Reads the output of macOS's `mount`: `//me@server/share on /Volumes/share (smbfs, nodev)`."""
    lines = (re.fullmatch(r".+? on (/.*) \(([^,)]+).*\)", line) for line in text.splitlines())
    return [(PurePosixPath(match[1]), match[2]) for match in lines if match]


def _windows_remote(folder: Path) -> bool:
    if folder.drive.startswith("\\\\"):
        return True
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  # the attribute exists on Windows alone
    return bool(kernel.GetDriveTypeW(folder.anchor) == _WINDOWS_REMOTE_DRIVE)

"""Which file systems a workspace may lie on: flock, rename and SQLite's WAL must be this kernel's own."""

import subprocess
import sys
from pathlib import Path

from peak_console.domain.errors import EnvironmentUnfit

NETWORK_TYPES = frozenset(
    {
        "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.glusterfs",
        "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs",
        "nfs4", "ocfs2", "orangefs", "smb2", "smb3", "smbfs", "webdav",
    }
)  # fmt: skip
"""File systems whose locks or renames another machine can answer for."""


def refuse_network(path: Path) -> None:
    """Raise ``EnvironmentUnfit`` (``network_file_system``) when ``path`` lies on a network file system."""
    kind = file_system_type(path)
    if kind in NETWORK_TYPES:
        raise EnvironmentUnfit(
            f"{path} lies on a network file system ({kind})",
            code="network_file_system",
            remedy="move the workspace to a local disk: locks, renames and the ledger need this kernel's own",
        )


def file_system_type(path: Path) -> str:
    """The type of the mounted file system ``path`` lies on; empty when the system does not tell."""
    try:
        if sys.platform == "darwin":
            mounts = _macos_mounts()
        else:
            mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    except OSError:
        return ""
    return type_of(path.resolve(), mounts)


def type_of(path: Path, mounts: list[tuple[Path, str]]) -> str:
    """The type of the longest mount point above ``path``; of two on one point the later mount holds."""
    best, found = -1, ""
    for point, kind in mounts:
        if (path == point or point in path.parents) and len(point.parts) >= best:
            best, found = len(point.parts), kind
    return found


def parse_mountinfo(text: str) -> list[tuple[Path, str]]:
    """Mount points and types of Linux's ``mountinfo`` (``proc(5)``); WSL's drvfs counts as a network."""
    mounts = []
    for line in text.splitlines():
        head, _, tail = line.partition(" - ")
        before, after = head.split(" "), tail.split(" ")
        if len(before) < 5 or not after[0]:  # noqa: PLR2004 - the mount point is the fifth field
            continue
        point = before[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        drive = after[0] == "9p" and "aname=drvfs" in tail
        mounts.append((Path(point), "cifs" if drive else after[0]))
    return mounts


def _macos_mounts() -> list[tuple[Path, str]]:
    listed = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=False, timeout=5)
    mounts = []
    for line in listed.stdout.splitlines():
        _, _, rest = line.partition(" on ")
        point, _, options = rest.rpartition(" (")
        mounts.append((Path(point), options.split(",")[0].rstrip(")")))
    return mounts

"""Checks of the machine and the disk of an SQLite store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestration.doctor.finding import Finding, ok, problem, warning

MIB = 2**20
MOST_WAL = 64 * MIB
LEAST_FREE, LITTLE_FREE = 64 * MIB, 1024 * MIB
LITTLE_SHARE = 0.05
NETWORK = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs"),
        *("gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs", "virtiofs"),
    }
)
USE_POSTGRES = "set DATABASE_URL=postgresql://… for all of them"


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system and where it is mounted."""

    at: Path
    kind: str


def machines(hosts: Iterable[str]) -> Finding:
    """Whether one machine alone uses an SQLite store.

    Args:
        hosts: The machines of the workers that are registered.
    """
    check, names = "machines", sorted(set(hosts))
    if len(names) > 1:
        what = f"workers of {', '.join(names)} use one SQLite store; it can serve one machine alone"
        return problem(check, what, USE_POSTGRES)
    return ok(check, "an SQLite store, used by one machine")


def file_system(path: Path, mounts: Sequence[Mount]) -> Finding:
    """Whether the file system of an SQLite store keeps its locks reliably."""
    check = "file system"
    over = [mount for mount in mounts if path.is_relative_to(mount.at)]
    kind = max(over, key=lambda mount: len(mount.at.parts)).kind if over else "unknown"
    if kind in NETWORK:
        what = f"{path} lies on a network file system ({kind}), where its locks may not hold"
        cure = f"put it on a local disk (ORCHESTRATION_HOME), or {USE_POSTGRES}"
        return problem(check, what, cure)
    return ok(check, f"{path} lies on {kind}")


def space(path: Path, free: int, total: int) -> Finding:
    """Whether the store has room to grow.

    Args:
        path: The store.
        free: Bytes that are free on its file system.
        total: Bytes that the file system has in all.
    """
    check, what = "disk", f"{free // MIB} MB of {total // MIB} MB are free under {path}"
    cure = "free some, or keep less: RETENTION_DAYS, RETENTION_RUNS"
    if free < LEAST_FREE:
        return problem(check, what, cure)
    if free < LITTLE_FREE and free < LITTLE_SHARE * total:
        return warning(check, what, cure)
    return ok(check, what)


def wal(path: Path, size: int) -> Finding:
    """Whether the store's write-ahead log is checkpointed as it should be."""
    check, what = "write-ahead log", f"{size // MIB} MB beside {path}"
    if size > MOST_WAL:
        cure = "a reader holds it up: end programs that keep the file open, or restart the workers"
        return warning(check, what, cure)
    return ok(check, what)

"""From an address to a store and its locks."""

import socket
from collections.abc import Mapping
from contextlib import closing
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from orchestration.clock import new_id
from orchestration.errors import ConfigurationError, StoreError
from orchestration.ports import Locks, Store
from orchestration.settings import check_store
from orchestration.store import control
from orchestration.store.presence import FileLocks
from orchestration.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from orchestration.store.postgres import PostgresStore


class Opened(NamedTuple):
    """A store, its locks, and its id, minted when it was made."""

    store: Store
    locks: Locks
    id: str


class Upgradable(Protocol):
    """A store whose schema may be older than this release."""

    def missing(self) -> list[str]:
        """What this release would add to the schema."""
        ...

    def migrate(self) -> list[str]:
        """Add it, and tell what it was."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def open_old(url: str, *, create: bool) -> Upgradable:
    """Open a store to migrate it, or to see what a migration would do.

    Raises:
        ConfigurationError: The address is no store's, or its driver is not installed.
        StoreError: The store cannot be opened.
    """
    return _open(url, create=create, old=True)[0]


def open_store(url: str, *, create: bool = True) -> Opened:
    """Open the store at an address, and make it where it is missing.

    Args:
        url: `sqlite:///relative`, `sqlite:////absolute` or `postgresql://…`.
        create: Whether to make what is missing.

    Raises:
        ConfigurationError: The address is no store's, or its driver is not installed.
        StoreError: The store cannot be opened.
    """
    store, locks = _open(url, create=create, old=False)
    place, known = place_of(url), store.read(control.store_id)
    return Opened(store, locks, known or store.write(lambda s: control.ensure(s, new_id(), place)))


def move(url: str, to: str) -> Mapping[str, int]:
    """Move a stopped SQLite store into an empty PostgreSQL one; rows by table.

    Raises:
        ConfigurationError: An address is not as it must be, or the driver is not installed.
        StoreInUseError: Workers are live.
        StoreError: There is nothing to move, the target is not empty, or one cannot be used now.
    """
    _check(to)
    if not url.startswith("sqlite:") or to.startswith("sqlite:"):
        raise ConfigurationError("only an SQLite store moves, and only to postgresql://…")
    relocation = _driven("orchestration.store.relocation")
    store, locks, _ = open_store(url, create=False)
    with closing(store):
        found: Mapping[str, int] = relocation.Relocation(store, locks, to, place_of(to)).move()
        return found


def place_of(url: str) -> str:
    """Where a store is, without user and password."""
    if url.startswith("sqlite:"):
        return f"{socket.gethostname()}:{Path(url.removeprefix('sqlite:///')).resolve()}"
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2] or 'localhost'}{parts.path}"


def _open(url: str, *, create: bool, old: bool) -> tuple["SqliteStore | PostgresStore", Locks]:
    _check(url)
    if url.startswith("sqlite:"):
        return _sqlite(Path(url.removeprefix("sqlite:///")), create=create, old=old)
    return _postgres(url, create=create, old=old)


def _check(url: str) -> None:
    try:
        check_store(url)
    except ValueError as error:
        raise ConfigurationError(f"DATABASE_URL: {error}") from None


def _sqlite(path: Path, *, create: bool, old: bool) -> tuple[SqliteStore, Locks]:
    if not path.exists() and not create:
        raise StoreError(f"there is no store at {path}: `orchestrate run` or `serve` makes one")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        locks = FileLocks(path.with_name(path.name + ".workers"))
    except OSError as error:
        raise StoreError(
            f"store {path}: {error.strerror}; set ORCHESTRATION_HOME to a writable directory"
        ) from None
    return SqliteStore(path, old=old), locks


def _postgres(url: str, *, create: bool, old: bool) -> tuple["PostgresStore", Locks]:
    postgres = _driven("orchestration.store.postgres")
    locks = _driven("orchestration.store.postgres_locks")
    store: PostgresStore = postgres.PostgresStore(url, create=create, old=old)
    return store, locks.PostgresLocks(url)


def _driven(module: str) -> ModuleType:
    """A module that needs the driver of PostgreSQL."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise ConfigurationError(
            "PostgreSQL needs its driver: pip install 'fleet-orchestration[postgres]'"
        ) from None

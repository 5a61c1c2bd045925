"""From an address to a store and its locks."""

from importlib import import_module
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from orchestration.clock import new_id
from orchestration.errors import ConfigurationError, StoreError
from orchestration.ports import Locks, Store
from orchestration.store import control
from orchestration.store.presence import FileLocks
from orchestration.store.sqlite import SqliteStore


class Opened(NamedTuple):
    """A store, its locks, and its id, minted when it was made."""

    store: Store
    locks: Locks
    id: str


def open_store(url: str, *, create: bool = True) -> Opened:
    """Open the store at an address, and make it where it is missing.

    Args:
        url: `sqlite:///relative`, `sqlite:////absolute` or `postgresql://…`.
        create: Whether to make what is missing.

    Raises:
        ConfigurationError: The address is no store's, or its driver is not installed.
        StoreError: The store cannot be opened.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        store, locks = _sqlite(Path(url.removeprefix("sqlite:///")), create=create)
    elif scheme in {"postgres", "postgresql"}:
        store, locks = _postgres(url, create=create)
    else:
        raise ConfigurationError(
            f"DATABASE_URL begins with {scheme!r}: use sqlite:///path or postgresql://…"
        )
    return Opened(store, locks, store.write(lambda s: control.ensure(s, new_id())))


def _sqlite(path: Path, *, create: bool) -> tuple[Store, Locks]:
    if not path.exists() and not create:
        raise StoreError(f"there is no store at {path}: `orchestrate run` or `serve` makes one")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        locks = FileLocks(path.with_name(path.name + ".workers"))
    except OSError as error:
        raise StoreError(
            f"store {path}: {error.strerror}; set ORCHESTRATION_HOME to a writable directory"
        ) from None
    return SqliteStore(path), locks


def _postgres(url: str, *, create: bool) -> tuple[Store, Locks]:
    try:
        postgres = import_module("orchestration.store.postgres")
    except ModuleNotFoundError:
        raise ConfigurationError(
            "PostgreSQL needs its driver: pip install 'fleet-orchestration[postgres]'"
        ) from None
    return postgres.PostgresStore(url, create=create), postgres.PostgresLocks(url)

"""Opens, makes, moves, backs up and restores the store at an address."""

import socket
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

from orchestration.clock import SystemClock, new_id
from orchestration.errors import ConfigurationError, StoreError, StoreInUseError
from orchestration.ports import Clock, Locks, Store
from orchestration.settings import check_store
from orchestration.store import backup, control, migrate, restoration, revival, workers
from orchestration.store.presence import FileLocks
from orchestration.store.revival import Replaced
from orchestration.store.sqlite import SqliteStore
from orchestration.text import adding

if TYPE_CHECKING:
    from orchestration.store.postgres import PostgresStore

T = TypeVar("T")


class Opened(NamedTuple):
    """A store, its locks, and its id, which it got when it was made."""

    store: Store
    locks: Locks
    id: str


class Upgradable(Protocol):
    """A store whose schema may be older than this release."""

    def missing(self) -> list[str]:
        """The migrations that this release would apply."""
        ...

    def migrate(self) -> list[str]:
        """Apply them, and return their names."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


def open_old(url: str, *, create: bool) -> Upgradable:
    """Open a store to migrate it, or to see what a migration would do.

    Raises:
        ConfigurationError: The address is not of a store, or its driver is not installed.
        StoreError: The store cannot be opened.
    """
    return _open(url, create=create, old=True)[0]


def upgrade(url: str) -> list[str]:
    """Migrate a store to this release, or make one; return the migrations that were applied.

    Raises:
        ConfigurationError: The address is not of a store, or its driver is not installed.
        StoreInUseError: Live workers would misread the store afterwards.
        StoreError: The store cannot be opened.
    """
    store, locks = _open(url, create=True, old=True)
    with closing(store):
        missing = store.missing()
        breaking = [each.title for each in migrate.known() if each.breaks and each.title in missing]
        if breaking and (live := store.read(lambda s: workers.live(s, locks))):
            raise StoreInUseError(
                f"{', '.join(live)} would misread the store after {breaking[0]}:"
                " stop them (`orchestrate workers drain`), then migrate"
            )
        return store.migrate()


def open_store(url: str, *, create: bool = True) -> Opened:
    """Open the store at an address, and make one if there is none.

    Args:
        url: `sqlite:///relative`, `sqlite:////absolute` or `postgresql://…`.
        create: Whether to make a missing store.

    Raises:
        ConfigurationError: The address is not of a store, or its driver is not installed.
        StoreError: The store cannot be opened.
    """
    store, locks = _open(url, create=create, old=False)
    place, known = place_of(url), store.read(control.store_id)
    return Opened(store, locks, known or store.write(lambda s: control.ensure(s, new_id(), place)))


def move(url: str, to: str) -> Mapping[str, int]:
    """Move a stopped SQLite store into an empty PostgreSQL one; return its rows by table.

    Raises:
        ConfigurationError: An address is of the wrong kind, or the driver is not installed.
        StoreInUseError: Workers are live.
        StoreError: There is no store, the target is not empty, or one cannot be used now.
    """
    _check(to)
    if not url.startswith("sqlite:") or to.startswith("sqlite:"):
        raise ConfigurationError("only an SQLite store moves, and only to postgresql://…")
    relocation = _driven("orchestration.store.relocation")
    store, locks, _ = open_store(url, create=False)
    with closing(store):
        found: Mapping[str, int] = relocation.Relocation(store, locks, to, place_of(to)).move()
        return found


def back_up(url: str, file: Path) -> None:
    """Write all rows of a store, as of one moment, into a new file; processes go on meanwhile.

    Raises:
        ConfigurationError: The address is not of a store, or its driver is not installed.
        StoreError: There is no store, it cannot be read, or the file cannot be written.
    """
    with closing(open_store(url, create=False).store) as store:
        if url.startswith("sqlite:"):
            backup.save_sqlite(path_of(url), file, store.clock.now())
        else:
            backup.save_rows(store, file, store.clock.now())


def restore(
    url: str,
    file: Path | None,
    revive: Callable[[Store, str, Replaced], T],
    *,
    replace: bool = False,
) -> T:
    """Take a backup into use as the store at an address.

    Args:
        url: The store's address.
        file: The backup, which is not changed; None: the store was restored by other means.
        revive: Takes the restored store into use, given its place and the store it replaces.
        replace: Whether an existing store may be replaced.

    Raises:
        ConfigurationError: The address is not of a store, or its driver is not installed.
        StoreInUseError: Workers are live there.
        StoreError: The file is no sound backup, or a store exists and may not be replaced.
    """
    _check(url)
    replaced, place = _given_up(url), place_of(url)
    if file is None:
        with closing(_open(url, create=False, old=False)[0]) as store:
            return revive(store, place, Replaced())
    beside = path_of(url).parent if url.startswith("sqlite:") else file.absolute().parent
    with backup.explained(beside):
        beside.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = _clock(url)

    def revived(store: SqliteStore) -> T:
        store.clock = clock  # of the store's future place: it shifts the timers
        return revive(store, place, replaced)

    with restoration.prepared(file, beside, revived) as (draft, found):
        _put(draft, url, replace=replace)
        return found


def _put(draft: Path, url: str, *, replace: bool) -> None:
    """Put a store that was made of a backup at an address."""
    if url.startswith("sqlite:"):
        path = path_of(url)
        restoration.put(draft, _file_locks(path), path, replace=replace)
        return
    relocation = _driven("orchestration.store.relocation")
    locks = _driven("orchestration.store.postgres_locks").PostgresLocks(url)
    with closing(SqliteStore(draft)) as source, closing(locks):
        relocation.load(source, locks, url, place_of(url), replace=replace)


def _clock(url: str) -> Clock:
    """The clock of a store at an address, whether the store exists or not."""
    if url.startswith("sqlite:"):
        return SystemClock()
    clock: Clock = _driven("orchestration.store.postgres").clock_of(url)
    return clock


def path_of(url: str) -> Path:
    """The file of a store on SQLite."""
    return Path(url.removeprefix("sqlite:///"))


def _given_up(url: str) -> Replaced:
    """The facts about the store that is replaced; refused while live workers use it."""
    try:
        store, locks = _open(url, create=False, old=True)
    except StoreError:
        return Replaced()  # there is none, or it cannot be read
    with closing(store), closing(locks):
        store.read(lambda s: workers.refuse_live(s, locks, restoration.WHY))
        with suppress(StoreError):  # of a release that had no stops yet
            return store.read(revival.look)
    return Replaced()


def place_of(url: str) -> str:
    """Where a store is, without user and password."""
    if url.startswith("sqlite:"):
        return f"{socket.gethostname()}:{path_of(url).resolve()}"
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2] or 'localhost'}{parts.path}"


def _open(url: str, *, create: bool, old: bool) -> tuple["SqliteStore | PostgresStore", Locks]:
    _check(url)
    if url.startswith("sqlite:"):
        return _sqlite(path_of(url), create=create, old=old)
    return _postgres(url, create=create, old=old)


def _check(url: str) -> None:
    try:
        check_store(url)
    except ValueError as error:
        raise ConfigurationError(f"DATABASE_URL: {error}") from None


def _sqlite(path: Path, *, create: bool, old: bool) -> tuple[SqliteStore, Locks]:
    if not path.exists() and not create:
        raise StoreError(
            f"there is no store at {path.absolute()}: go to your project's directory, or let"
            " `orchestrate run` or `serve` make one"
        )
    locks = _file_locks(path)
    return SqliteStore(path, old=old), locks


def _file_locks(path: Path) -> FileLocks:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileLocks(path.with_name(path.name + ".workers"))
    except OSError as error:
        raise StoreError(
            f"store {path}: {error.strerror}; set ORCHESTRATION_HOME to a writable directory"
        ) from None


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
        raise ConfigurationError(f"PostgreSQL needs its driver: {adding('postgres')}") from None

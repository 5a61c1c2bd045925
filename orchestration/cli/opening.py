"""Opens what a verb works on: the app, the store, and an engine that sends nothing."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration import hosting, settings
from orchestration.cli.exits import warn
from orchestration.clock import new_id
from orchestration.definitions import App
from orchestration.desk import naming
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.errors import ConfigurationError
from orchestration.runtime.writing import NoRelay, rules_of
from orchestration.settings import Settings
from orchestration.store.connect import Opened, open_store

BROKER_SETTINGS = "RABBITMQ_URL, CLOUDAMQP_URL and RABBITMQ_HOST"


@contextmanager
def opened_store(*, create: bool = False) -> Iterator[Opened]:
    """The store of the settings, until the block ends.

    Raises:
        ConfigurationError: A server is set, which excludes a store of this machine.
        StoreError: It cannot be opened; or there is none, and `create` is false.
    """
    opened = open_store(own_store_url(settings.load()), create=create)
    try:
        yield opened
    finally:
        opened.store.close()


def own_store_url(found: Settings) -> str:
    """The address of the store of the settings.

    Raises:
        ConfigurationError: A server is set, which excludes a store of this machine.
    """
    if found.orchestration_url:
        raise ConfigurationError(
            f"ORCHESTRATION_URL names {found.orchestration_url}, and this verb works on a store"
            " itself: use the console or the HTTP interface there, or unset it"
        )
    return found.store_url


@contextmanager
def opened_engine(*, create: bool = False) -> Iterator[Engine]:
    """An engine over the store of the settings; workers send its messages.

    Raises:
        StoreError: It cannot be opened; or there is none, and `create` is false.
    """
    with opened_store(create=create) as opened:
        yield engine_over(opened)


def run_named(opened: Opened, word: str) -> str:
    """The id of a run that was given in full, or by its beginning.

    Raises:
        NotFoundError: Several ids begin with the word.
    """
    return opened.store.read(lambda s: naming.run_named(s, word))


def engine_over(opened: Opened) -> Engine:
    """An engine over a store; workers send its messages."""
    rules = rules_of(settings.load(), f"cli-{new_id()}", sends=False)
    return Engine(opened.store, NoRelay(), rules)


def load_app(found: Settings) -> App:
    """The fleet of the settings, as `imported_app`; tells which outside agents it does not have.

    Raises:
        ConfigurationError: There is no such module, or it has no app.
    """
    app = imported_app(found)
    for line in settings.undeclared(found, app.agent):
        warn(line)
    return app


def tell_misspelt() -> None:
    """Tell which variables are very like a setting, and none."""
    for line in settings.misspelt():
        warn(line)


def imported_app(found: Settings) -> App:
    """The fleet of the settings; its module may lie in the current directory.

    Raises:
        ConfigurationError: There is no such module, or it has no app.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return hosting.load_app(found.app)


def by(reason: str = "") -> By:
    """The user of this terminal, with a reason, for the audit."""
    try:
        return By(getpass.getuser(), reason)
    except (KeyError, OSError):
        return By("cli", reason)

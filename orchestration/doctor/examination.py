"""The whole examination: settings, store, server and fleet, in this order."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from orchestration import settings
from orchestration.bus.address import Address, address_in
from orchestration.definitions import App
from orchestration.doctor import server
from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.doctor.holdings import SQLITE, Holdings
from orchestration.errors import (
    ConfigurationError,
    DefinitionError,
    StoreError,
    StoreTooNewError,
    StoreTooOldError,
)
from orchestration.settings import Settings
from orchestration.store import control
from orchestration.store.connect import Opened, open_store

Load = Callable[[Settings], App]


def examine(load: Load, *, fix: bool) -> list[Finding]:
    """Look at everything; change nothing without `fix`.

    Args:
        load: Loads the fleet.
        fix: Whether to cure what can be cured without harm.
    """
    try:
        found = settings.load()
        address = address_in(found)
    except ConfigurationError as error:
        return [problem("settings", str(error), "correct the environment")]
    readable = [
        ok("settings", f"readable; the transport is {found.transport}"),
        *(warning("settings", line, "correct or unset it") for line in settings.misspelt()),
    ]
    opened, said = opened_store(found)
    if opened is None:
        return [*readable, said, *_server(found, address, None, fix=fix)]
    with closing(opened.locks), closing(opened.store):
        used = opened.store.read(control.transport)
        if used not in (None, found.transport):
            said = ok("store", f"{said.what}; the transport of its last worker was {used}")
        app, fleet = loaded(found, load)
        holdings = Holdings(opened, found)
        asked = _server(found, address, opened.store.read(control.name), fix=fix)
        return [*readable, said, *asked, *fleet, *holdings.examine(app)]


def opened_store(found: Settings) -> tuple[Opened | None, Finding]:
    """The store, if there is one that can be used, and a finding about it."""
    url = found.store_url
    if url.startswith(SQLITE) and not Path(url.removeprefix(SQLITE)).exists():
        return None, ok("store", "there is none yet: the first run or worker makes it")
    try:
        return open_store(url, create=False), ok("store", "it can be used, its schema is ours")
    except StoreTooOldError as error:
        cure = "`orchestrate migrate`, while the fleet works: it says so where it has to be stopped"
        return None, problem("schema", str(error), cure)
    except StoreTooNewError as error:
        cure = "install the release that migrated it, or restore a backup"
        return None, problem("schema", str(error), cure)
    except ConfigurationError as error:
        return None, problem("store", str(error), "correct the environment")
    except StoreError as error:
        cure = "see that it is there and that we may use it; DATABASE_URL names it"
        return None, problem("store", str(error), cure, unreachable=True)


def loaded(found: Settings, load: Load) -> tuple[App | None, list[Finding]]:
    """The fleet, if its module can be imported, and findings about it."""
    try:
        app = load(found)
    except (ConfigurationError, DefinitionError) as error:
        return None, [problem("app", str(error), "correct ORCHESTRATION_APP, or the module")]
    cure = "correct the name, or declare the agent in the app"
    doubts = settings.undeclared(found, app.agent)
    return app, [warning("outside agents", each, cure) for each in doubts]


def _server(
    found: Settings, address: Address | None, store: str | None, *, fix: bool
) -> list[Finding]:
    if address is None:
        return [ok("broker", f"none is configured: the transport is {found.transport}")]
    return server.examine(address, found, store, fix=fix)

"""`orchestrate web`: the HTTP part alone, and the one that `serve` runs beside its worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from orchestration import logs, settings
from orchestration.cli.opening import load_app
from orchestration.cli.stopping import stop_signals
from orchestration.definitions import App
from orchestration.errors import ConfigurationError
from orchestration.runtime.host import Host
from orchestration.settings import Settings
from orchestration.text import adding

WITHOUT = "works on without a console, as another worker where one serves the store already"

port_option = click.option(
    "--port", type=click.IntRange(1, 65535), help="Listen here; else on PORT, else on 8080."
)


@click.command()
@port_option
def web(port: int | None) -> None:
    """Serve HTTP, the API and the console, until SIGTERM or Ctrl-C.

    The address is ORCHESTRATION_HOST: where it is not set 127.0.0.1, or every one where PORT is
    set, as a platform does. Whatever other machines can reach needs ORCHESTRATION_API_TOKEN.
    """
    found = settings.load()
    serving, console = part("serving"), part("console")
    serving.require_token(found)
    app = load_app(found)
    logs.configure(found.log_level, found.log_format, found.mask)
    listener = serving.bound(found.web_host, port or found.port or serving.PORT)
    with (
        stop_signals() as wait,
        console.opened_console(app, found) as opened,
        serving.listening(opened, listener) as place,
    ):
        click.echo(f"the console is at {place}; Ctrl-C ends it", err=True)
        wait()
        click.echo("ending", err=True)


@contextmanager
def beside(host: Host, app: App, found: Settings, port: int | None = None) -> Iterator[str]:
    """The HTTP part of a process that runs steps, too; yields one line about it.

    Without a token it serves this machine alone. If it cannot start, the fleet works without it.

    Args:
        host: The worker in this process.
        app: The fleet.
        found: The settings.
        port: The port to listen at; None: as the settings say.

    Raises:
        ConfigurationError: It cannot start, though a port was set.
    """
    wanted = port or found.port
    try:
        serving, console = part("serving"), part("console")
        address, note = place_for(found)
        listener = serving.bound(address, wanted or serving.PORT)
    except ConfigurationError as error:
        if wanted is not None:
            raise
        yield f"no console: {error}; this one {WITHOUT}"
        return
    with serving.listening(console.console_of(host, app, found), listener) as place:
        yield f"the console is at {place}{note}"


def place_for(found: Settings) -> tuple[str, str]:
    """The address that `serve` binds, and a note about it."""
    try:
        part("serving").require_token(found)
    except ConfigurationError:
        return "127.0.0.1", "; for this machine alone, as ORCHESTRATION_API_TOKEN is not set"
    return found.web_host, ""


def part(name: str) -> Any:
    """A module of the HTTP part, which is an extra.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        return import_module(f"orchestration.web.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("orchestration"):
            raise
        raise ConfigurationError(f"the HTTP part needs {error.name}: {adding('web')}") from None

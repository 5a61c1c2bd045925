"""`orchestrate config show | history`: settings, and the configuration that steps have set."""

import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from pydantic import SecretStr

from orchestration import settings
from orchestration.cli import options, remotely
from orchestration.cli.opening import load_app, tell_misspelt
from orchestration.cli.output import emit
from orchestration.cli.paging import at_once
from orchestration.errors import ConfigurationError, DefinitionError
from orchestration.store import configuration
from orchestration.views.configuration import as_json

SETTINGS = ("name", "value", "origin")
HIDDEN = "***"
COMMANDS = ("discovery_command", "discovery_hook")
OPTION = re.compile(r"^([^=]+=).+", re.DOTALL)
VERSIONS = ("name", "version", "value", "at", "actor", "workflow_id", "step")


@click.command()
@options.output
def show(form: str) -> None:
    """Show every setting, where it comes from, and no secret."""
    found, origins = settings.load(), settings.origins()
    rows = [
        {"name": name.upper(), "value": shown(name, getattr(found, name)), "origin": origin}
        for name, origin in origins.items()
    ]
    emit(form, rows, SETTINGS)
    tell_misspelt()
    if found.outside_agents:
        with suppress(ConfigurationError, DefinitionError):  # settings can be shown without it
            load_app(found)  # tells which of them it does not have


@click.command()
@click.argument("name", required=False)
@options.limit
@options.output
def history(*, name: str | None, limit: int, form: str) -> None:
    """Show what steps have configured, such as the trading mode: who, when, by which workflow."""
    found = remotely.wherever(
        lambda server: at_once(server, "/configuration/history", limit, name=name),
        lambda opened: list(
            map(as_json, opened.store.read(lambda s: configuration.history(s, name, limit)))
        ),
    )
    emit(form, found, VERSIONS)


def shown(name: str, value: Any) -> Any:
    """A setting as it is shown: durations in seconds, plain texts, no secret."""
    if isinstance(value, SecretStr):
        return without_password(value.get_secret_value()) if name.endswith("_url") else HIDDEN
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, frozenset):
        return sorted("=".join(each) for each in value)
    if name in COMMANDS:
        return [OPTION.sub(rf"\1{HIDDEN}", word) for word in value]
    return str(value) if isinstance(value, Path) else value


def without_password(address: str) -> str:
    """An address without its user's password and its query."""
    parts = urlsplit(address)
    user = f"{parts.username}:{HIDDEN}@" if parts.password else ""
    place = parts.netloc.rpartition("@")[2]
    query = f"?{HIDDEN}" if parts.query else ""
    return f"{parts.scheme}://{user}{place}{parts.path}{query}"

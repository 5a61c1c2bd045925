"""Reads settings from an environment: secrets from files, unknown and wrong settings refused."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestration.errors import ConfigurationError
from orchestration.settings.model import Settings
from orchestration.settings.project import PROJECT, app_of

PREFIX = "ORCHESTRATION_"
APP = "ORCHESTRATION_APP"


def load(
    environ: Mapping[str, str] = os.environ,  # noqa: TID251 - the one place
    project: Path = PROJECT,
) -> Settings:
    """The settings that an environment asks for.

    Args:
        environ: Variables by name; a secret may also be given as `NAME_FILE`, a path to read.
        project: The file that names the app where no variable does.

    Raises:
        ConfigurationError: A value is wrong, or an `ORCHESTRATION_*` is unknown; all are named.
            Or the project's file is wrong.
    """
    values = {name: value for name, value in environ.items() if value}
    values.update(_from_files(values))
    if APP not in values and (app := app_of(project)) is not None:
        values[APP] = app
    names = {name.upper() for name in Settings.model_fields}
    ours = sorted(name for name in values if name.startswith(PREFIX))
    unknown = [name for name in ours if name.removesuffix("_FILE") not in names]
    if unknown:
        known = ", ".join(sorted(name for name in names if name.startswith(PREFIX)))
        raise ConfigurationError(f"unknown setting {', '.join(unknown)}; known: {known}")
    plain = names - secrets()
    for name in ours:
        if name not in names and (meant := name.removesuffix("_FILE")) in plain:
            raise ConfigurationError(f"{name}: {meant} is no secret: set it, and unset {name}")
    if values.get("RABBITMQ_PORT", "").startswith("tcp://"):
        raise ConfigurationError(
            "RABBITMQ_PORT is an address that Kubernetes made from a service named rabbitmq:"
            " set RABBITMQ_PORT=5672, or enableServiceLinks: false in the pod"
        )
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError("; ".join(map(_problem, error.errors()))) from None


def origins(
    environ: Mapping[str, str] = os.environ,  # noqa: TID251 - as above
    project: Path = PROJECT,
) -> dict[str, str]:
    """Where the value of each field comes from: `default`, a variable, or the project's file."""
    found = {}
    for field in Settings.model_fields:
        name = field.upper()
        given = [each for each in (f"{name}_FILE", name) if environ.get(each)]
        found[field] = given[0] if given else "default"
    if not environ.get(APP) and app_of(project) is not None:
        found[APP.lower()] = str(project)
    return found


def secrets() -> set[str]:
    """The settings that may lie in files."""
    return {
        name.upper()
        for name, field in Settings.model_fields.items()
        if "Secret" in str(field.annotation) or "Secret" in str(field.metadata)
    }


def _from_files(values: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name in secrets():
        if path := values.get(f"{name}_FILE"):
            try:
                found[name] = Path(path).read_text("utf-8").strip()
            except OSError as error:
                raise ConfigurationError(f"{name}_FILE: {error.strerror}: {path}") from None
    return found


def _problem(problem: Mapping[str, Any]) -> str:
    """One wrong value in one line; the value itself may be a secret."""
    name = str(problem["loc"][0]) if problem["loc"] else "settings"
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}"

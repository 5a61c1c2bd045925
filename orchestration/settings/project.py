"""The project's own setting: `app` under `[tool.orchestration]` in its pyproject.toml."""

import tomllib
from pathlib import Path

from orchestration.errors import ConfigurationError

PROJECT = Path("pyproject.toml")


def app_of(project: Path) -> str | None:
    """The module that a project names as its fleet; None: it names none, or there is no project.

    Raises:
        ConfigurationError: The file is no TOML, or has anything else in that table.
    """
    try:
        document = tomllib.loads(project.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{project} cannot be read: {error}; correct it, or set ORCHESTRATION_APP"
        ) from None
    match document:
        case {"tool": {"orchestration": {"app": str(app), **more}}} if app and not more:
            return app
        case {"tool": {"orchestration": _}}:
            raise ConfigurationError(
                f'{project}: write app = "module" under [tool.orchestration], and nothing else'
            )
        case _:
            return None

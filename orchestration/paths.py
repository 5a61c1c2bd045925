"""Dotted paths into parameters and results: the only expressions in workflows."""

from collections.abc import Callable, Mapping
from typing import Any

from orchestration.errors import RejectedError


def look_up(path: str, parameters: Mapping[str, Any], result: Callable[[str], Any]) -> Any:
    """The value that a path names.

    Args:
        path: `parameters.<field>[.…]` or `results.<step>[.…]`; a number indexes a list.
        parameters: The run's parameters as JSON.
        result: Returns the result of a finished step.

    Raises:
        RejectedError: The path leads nowhere.
    """
    root, *keys = path.split(".")
    value: Any = parameters
    if root == "results":
        value = result(keys.pop(0))
    for key in keys:
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise RejectedError(f"path {path!r} leads nowhere: there is no {key!r}")
    return value

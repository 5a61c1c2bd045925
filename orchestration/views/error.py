"""Stored errors in one line for people."""

import json
from collections.abc import Mapping
from typing import Any

from orchestration.text import printable


def one_line(kept: str | None) -> str | None:
    """`Type: message` of an error stored as JSON; any other text as it is, without line breaks."""
    if kept is None:
        return None
    try:
        error = json.loads(kept)
    except ValueError:
        error = None
    if isinstance(error, Mapping) and {"type", "message"} <= error.keys():
        return flat(error)
    return printable(" ".join(kept.split()))


def flat(error: Mapping[str, Any]) -> str:
    """`Type: message` without line breaks."""
    return printable(" ".join(f"{error['type']}: {error['message']}".split()))

"""Logging of our processes: lines for people, or JSON for collectors.

Code that works on a run or a message says so once with `about`; every line that its thread, or a
task of it, logs meanwhile names them, from whichever module.
"""

import json
import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from typing_extensions import override

FIELDS = ("workflow_id", "step", "attempt", "correlation_id", "trace_id")

_subject: ContextVar[dict[str, Any]] = ContextVar("subject", default={})  # noqa: B039 - never changed


class about:  # noqa: N801 - `with about(…)`; a generator would cost each step three times as much
    """Let every log line name these fields, until the block ends.

    Args:
        fields: Some of `FIELDS`; None: as around the block.
    """

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        known = _subject.get().copy()
        for name, value in self._fields.items():
            if value is not None:
                known[name] = value
        self._token = _subject.set(known)

    def __exit__(self, *_error: object) -> None:
        _subject.reset(self._token)


def subject(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a line: from the record itself, else from the `about` around it."""
    found = {**_subject.get(), **vars(record)}
    return {name: found[name] for name in FIELDS if name in found}


def one_word(value: Any) -> str:
    """A value as text that cannot be taken for another field or another line."""
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)


class ConsoleFormatter(logging.Formatter):
    """Formats a line for people, with its fields at the end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s  %(message)s")

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line without a traceback."""
        words = [f"{name}={one_word(value)}" for name, value in subject(record).items()]
        return "  ".join([super().formatMessage(record), *words])


class JsonFormatter(logging.Formatter):
    """Formats one JSON object a line, with its fields."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON text."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(subject(record))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class MaskingFormatter(logging.Formatter):
    """Takes every secret out of the lines of another formatter.

    Args:
        inner: The formatter that makes the lines.
        mask: Takes every secret out of a text.
    """

    def __init__(self, inner: logging.Formatter, mask: Callable[[str], str]) -> None:
        super().__init__()
        self._inner = inner
        self._mask = mask

    @override
    def format(self, record: logging.LogRecord) -> str:
        """The record as a line without secrets, its traceback included."""
        return self._mask(self._inner.format(record))


def configure(
    level: str, form: str, mask: Callable[[str], str], stream: TextIO | None = None
) -> None:
    """Log to a stream from now on.

    Args:
        level: The lowest level shown.
        form: `console` or `json`.
        mask: Takes every secret out of a text.
        stream: The stream; None: the current standard error.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    lines = JsonFormatter() if form == "json" else ConsoleFormatter()
    handler.setFormatter(MaskingFormatter(lines, mask))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("pika").setLevel("CRITICAL")
    logging.getLogger("stamina").setLevel("ERROR")  # our own code logs why it retries
    for name in ("dramatiq", "apscheduler", "httpx", "uvicorn"):
        logging.getLogger(name).setLevel(max(logging.getLevelName(level), logging.WARNING))

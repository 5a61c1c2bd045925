"""Logging for processes of ours: lines for people, or JSON for collectors."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from typing_extensions import override

FIELDS = ("workflow_id", "step", "attempt")


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the run, step and attempt where a record carries them."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON text."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: vars(record)[name] for name in FIELDS if name in vars(record)})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class MaskingFormatter(logging.Formatter):
    """Takes every secret out of the lines of another formatter.

    Args:
        inner: What makes the lines.
        mask: A text without any secret in it.
    """

    def __init__(self, inner: logging.Formatter, mask: Callable[[str], str]) -> None:
        super().__init__()
        self._inner = inner
        self._mask = mask

    @override
    def format(self, record: logging.LogRecord) -> str:
        """The record as a line that everybody may read, its traceback included."""
        return self._mask(self._inner.format(record))


def configure(
    level: str, form: str, mask: Callable[[str], str], stream: TextIO | None = None
) -> None:
    """Log to a stream from now on.

    Args:
        level: The lowest level shown.
        form: `console` or `json`.
        mask: A text without any secret in it.
        stream: Where to; None: standard error as it is now.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    console = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    handler.setFormatter(MaskingFormatter(JsonFormatter() if form == "json" else console, mask))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("pika").setLevel("CRITICAL")
    logging.getLogger("stamina").setLevel("ERROR")  # whoever retries says why himself
    for name in ("dramatiq", "apscheduler", "httpx", "uvicorn"):
        logging.getLogger(name).setLevel(max(logging.getLevelName(level), logging.WARNING))

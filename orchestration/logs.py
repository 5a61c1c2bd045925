"""Logging for processes of ours: lines for people, or JSON for collectors."""

import json
import logging
import sys
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


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Log to a stream from now on.

    Args:
        level: The lowest level shown.
        form: `console` or `json`.
        stream: Where to; None: standard error as it is now.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    console = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else console)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("pika").setLevel("CRITICAL")
    for name in ("dramatiq", "apscheduler", "httpx", "uvicorn"):
        logging.getLogger(name).setLevel(max(logging.getLevelName(level), logging.WARNING))

"""What our processes log."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from orchestration import logs
from orchestration.settings import load

KEY = 'long"se/cret-word'


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """Leave the root logger as it was."""
    before = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = before


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_secret_gets_into_a_log_line_nor_into_its_traceback(form: str) -> None:
    stream = io.StringIO()
    found = load({"POLYGON_API_KEY": KEY})
    logs.configure("INFO", form, found.mask, stream)
    error = ValueError(KEY)
    logging.getLogger("x").error("it failed with %s", KEY, exc_info=error)
    text = stream.getvalue()
    assert "it failed with ***" in text
    assert "ValueError: ***" in text
    assert "cret-word" not in text


def test_a_json_line_says_for_which_step_it_was_written() -> None:
    stream = io.StringIO()
    logs.configure("INFO", "json", load({}).mask, stream)
    logging.getLogger("x").info("done", extra={"workflow_id": "w", "step": "s", "attempt": 2})
    line = json.loads(stream.getvalue())
    assert (line["workflow_id"], line["step"], line["attempt"]) == ("w", "s", 2)
    assert (line["message"], line["level"], line["logger"]) == ("done", "INFO", "x")

"""What our processes log."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from threading import Thread

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


def lines(form: str) -> io.StringIO:
    stream = io.StringIO()
    logs.configure("INFO", form, load({}).mask, stream)
    return stream


def test_every_line_says_what_whoever_works_is_about() -> None:
    stream = lines("json")
    with logs.about(workflow_id="w", correlation_id="m"), logs.about(step="s", attempt=1):
        logging.getLogger("of.a.library").info("inside")
    logging.getLogger("x").info("outside")
    inside, outside = map(json.loads, stream.getvalue().splitlines())
    found = {name: inside[name] for name in ("workflow_id", "step", "attempt", "correlation_id")}
    assert found == {"workflow_id": "w", "step": "s", "attempt": 1, "correlation_id": "m"}
    assert not {"workflow_id", "step"} & outside.keys()


def test_what_a_line_says_itself_comes_first() -> None:
    stream = lines("json")
    with logs.about(workflow_id="w", step=None):
        logging.getLogger("x").info("done", extra={"workflow_id": "other"})
    assert json.loads(stream.getvalue())["workflow_id"] == "other"


def test_tasks_say_what_they_were_begun_for_and_other_threads_do_not() -> None:
    stream = lines("json")

    async def act() -> None:
        await asyncio.gather(asyncio.to_thread(logging.getLogger("x").info, "in a task"))

    with logs.about(workflow_id="w"):
        asyncio.run(act())
        thread = Thread(target=logging.getLogger("x").info, args=("in a thread",))
        thread.start()
        thread.join(10)
    task, other = map(json.loads, stream.getvalue().splitlines())
    assert (task["workflow_id"], "workflow_id" in other) == ("w", False)


def test_people_read_it_at_the_end_of_the_line_and_before_the_traceback() -> None:
    stream = lines("console")
    with logs.about(workflow_id="w", step="s", attempt=2):
        logging.getLogger("x").error("it failed", exc_info=ValueError("no"))
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("x  it failed  workflow_id=w  step=s  attempt=2")
    assert rest == ["ValueError: no"]


def test_no_id_can_forge_a_line() -> None:
    stream = lines("console")
    with logs.about(correlation_id="m\n2025-09-12 ERROR   x  forged step=s"):
        logging.getLogger("x").info("done")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith(r"correlation_id='m\n2025-09-12 ERROR   x  forged step=s'")

"""Half a character (a surrogate alone): JSON can say it, and UTF-8, so every answer, cannot."""

import json

import pytest

from orchestration.web.problems import Problem
from tests.web.asking import RUNS
from tests.web.browsing import Browser
from tests.web.stock import Stock

HALF, WHOLE = "half \ud800, \U0001f600", "half ?, \U0001f600"
ERROR = {"type": "ValueError", "message": HALF, "traceback": f"raise ValueError({HALF!r})"}


@pytest.fixture
def failed(pages: Browser, stock: Stock) -> str:
    """A run that failed with half a character in its error."""
    del pages
    stock.fleet.start("job")
    worker = stock.fleet.worker("w2")
    claim = worker.take()
    worker.held.clear()
    worker.engine.fail(claim.key, claim.attempt, ERROR, retryable=False)
    return claim.key[0]


def test_in_an_error_it_is_a_question_mark_from_the_beginning(
    pages: Browser, stock: Stock, failed: str
) -> None:
    (kept,) = stock.fleet.read(
        lambda s: s.all("SELECT error FROM steps WHERE run_id = ? AND error IS NOT NULL", failed)
    )
    assert json.loads(kept[0])["message"] == WHOLE
    assert WHOLE in str(pages.get(f"{RUNS}/{failed}/result").json()["error_messages"])


@pytest.mark.parametrize("what", ["", "/result", "/picture", "/progress"])
def test_a_run_is_told_that_an_older_release_has_stored_with_it(
    pages: Browser, stock: Stock, failed: str, what: str
) -> None:
    text = json.dumps(ERROR)
    stock.fleet.store.write(lambda s: s.run("UPDATE steps SET error = ?", text))
    stock.fleet.store.write(lambda s: s.run("UPDATE attempts SET error = ?", text))
    answer = pages.get(f"{RUNS}/{failed}{what}")
    assert answer.status_code == 200
    assert "\ud800" not in str(answer.json())


def test_a_problem_tells_of_it() -> None:
    assert json.loads(bytes(Problem(409, HALF).response().body))["detail"] == WHOLE

"""A thread that makes its rounds: errors do not end it, being told to stop does."""

import pytest

from orchestration.errors import StoreError
from orchestration.runtime.rounds import Rounds
from tests.eventually import eventually


def test_it_goes_on_after_errors(caplog: pytest.LogCaptureFixture) -> None:
    errors: list[Exception] = [StoreError("no disk"), RuntimeError("odd")]
    made: list[int] = []

    def act() -> None:
        made.append(1)
        if errors:
            raise errors.pop(0)

    rounds = Rounds("guard", act, lambda stopping: stopping.wait(0.001))
    rounds.start()
    eventually(lambda: len(made) > 3, within=5)
    assert not rounds.is_dead
    rounds.stop()
    assert not rounds.is_dead
    assert "guard: the store is away, trying again: no disk" in caplog.text
    assert "guard: a bug: this round is lost, the next one is due" in caplog.text


def test_one_that_is_stopped_begins_no_other_round() -> None:
    made: list[int] = []

    def act() -> None:
        made.append(1)
        rounds.stopping.set()

    rounds = Rounds("guard", act, lambda _: None)
    rounds.start()
    rounds.stop()
    assert made == [1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_one_that_something_worse_has_ended_is_dead() -> None:
    def act() -> None:
        raise SystemExit

    rounds = Rounds("guard", act, lambda _: None)
    assert not rounds.is_dead
    rounds.start()
    eventually(lambda: rounds.is_dead, within=5)

"""One example for each thing that a fact can mean."""

import pytest

from orchestration.decide import ANSWERS, decide, facts
from orchestration.decide.facts import Fact
from orchestration.errors import IllegalTransitionError
from orchestration.state import ENDED, Run, RunStatus
from tests.decide.example import UNDOABLE, Example, R, S, run
from tests.decide.examples_of_branches import OF_BRANCHES
from tests.decide.examples_of_runs import OF_RUNS
from tests.decide.examples_of_undo import OF_UNDO

EXAMPLES = [*OF_BRANCHES, *OF_RUNS, *OF_UNDO]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.meaning)
def test_what_follows_from_a_fact(example: Example) -> None:
    decision = decide(example.before, example.fact)
    assert decision.run.status is example.status
    assert decision.run.tallies == example.tallies
    assert decision.effects == example.effects


def test_every_fact_has_an_example() -> None:
    assert {type(example.fact) for example in EXAMPLES} == set(ANSWERS)


def test_an_undoing_run_remembers_how_it_will_end() -> None:
    undoing = decide(run(R.RUNNING, {"first": {S.RUNNING: 1}}, UNDOABLE), facts.CancelRequested())
    assert undoing.run.ending is R.CANCELLED
    assert decide(undoing.run, facts.Settled(())).run.ending is None


def test_a_retry_begins_a_generation() -> None:
    assert decide(run(R.FAILED, {}), facts.RetryRequested()).run.generation == 2


LATE = [e.fact for e in EXAMPLES if not isinstance(e.fact, facts.RetryRequested)]


@pytest.mark.parametrize("fact", LATE, ids=lambda fact: type(fact).__name__)
@pytest.mark.parametrize("status", sorted(ENDED))
def test_what_comes_after_the_end_changes_nothing(status: RunStatus, fact: Fact) -> None:
    ended = run(status, {"first": {S.COMPLETED: 1}})
    assert decide(ended, fact).run is ended
    assert decide(ended, fact).effects == ()


@pytest.mark.parametrize(
    ("before", "fact"),
    [
        (run(R.RUNNING, {}), facts.Admitted()),
        (run(R.RUNNING, {"first": {S.READY: 1}}), facts.Completed("first", 0)),
        (run(R.PENDING, {}), facts.ResumeRequested()),
        (run(R.PAUSED, {}), facts.PauseRequested()),
        (run(R.COMPLETED, {}), facts.RetryRequested()),
    ],
)
def test_a_fact_that_contradicts_the_run_is_a_bug_of_the_caller(before: Run, fact: Fact) -> None:
    with pytest.raises(IllegalTransitionError):
        decide(before, fact)

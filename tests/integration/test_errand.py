"""A thread's attempts, one after the other."""

from orchestration.engine import Claim, Held
from orchestration.runtime.errand import Attempt, Errand


def claim_of(step: str) -> Claim:
    return Claim(
        key=("run", step, 0),
        attempt=1,
        agent="worker",
        action="work",
        command="job",
        parameters="{}",
        item=None,
        never_retry=(),
        progress_timeout=None,
        reads={},
        in_list=False,
    )


def test_a_claim_is_known_only_once_it_is_committed() -> None:
    """Whoever compares what is claimed here with the store must not find it too early."""
    first = Attempt((("run", "one", 0), 1), object(), claim_of("one"))
    attempts: dict[Held, Attempt] = {first.held: first}
    errand = Errand(attempts, first)
    errand.take_on(claim_of("two"))
    held = ("run", "two", 0), 1
    assert attempts[held].claim is None
    errand.take_on(claim_of("three"))
    assert held not in attempts, "the last word counts"
    errand.go_on(done=True)
    assert [each.claim for each in attempts.values()] == [claim_of("three")]
    assert list(attempts.values()) == [errand.attempt]
    errand.go_on(done=True)
    assert attempts == {}


def test_a_claim_that_was_not_committed_is_forgotten() -> None:
    first = Attempt((("run", "one", 0), 1), object(), claim_of("one"))
    attempts: dict[Held, Attempt] = {first.held: first}
    errand = Errand(attempts, first)
    errand.take_on(claim_of("two"))
    errand.go_on(done=False)
    assert attempts == {}

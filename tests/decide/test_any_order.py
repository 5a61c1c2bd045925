"""Any order, repetition and loss of what can happen to a run."""

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.decide.walk import Walk, flow


class AnyOrder(RuleBasedStateMachine):
    """Facts come as they like; what the engine's fence would drop does nothing."""

    walk: Walk

    @initialize(seed=st.integers(0, 1_000_000))
    def start(self, seed: int) -> None:
        self.walk = Walk(*flow(Random(seed)))

    @rule(action=st.integers(0, 100), pick=st.integers(0, 1_000))
    def something_happens(self, action: int, pick: int) -> None:
        actions = self.walk.actions
        actions[action % len(actions)](pick)

    @invariant()
    def all_is_well(self) -> None:
        self.walk.check()

    def teardown(self) -> None:
        self.walk.finish()


AnyOrder.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase


@pytest.mark.parametrize("part", range(20))
def test_runs_hold_their_promises_on_every_walk(part: int) -> None:
    for seed in range(250 * part, 250 * part + 250):
        random = Random(seed)
        walk = Walk(*flow(random))
        for _ in range(60):
            random.choice(walk.actions)(random.randrange(1_000))
            walk.check()
        walk.finish()

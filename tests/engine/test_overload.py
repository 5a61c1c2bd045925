"""No sender has too many pending runs, whoever accepts them."""

import pytest

from orchestration.engine.allowance import MOST_SENDERS, Allowance
from orchestration.errors import OverloadedError
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import SECOND, Fleet, step, workflow

CHAIN = workflow("chain", step("first"), priority=3)


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN)


class TestOverload:
    def test_no_sender_may_have_too_many_pending_runs(self, fleet: Fleet) -> None:
        fleet.client = fleet.engine("client", slots=1, most_pending=2)
        for _ in range(3):
            fleet.start("chain")
        with pytest.raises(OverloadedError) as caught:
            fleet.start("chain")
        error = caught.value
        assert (error.sender, error.pending, error.retry_after) == ("tests", 2, 30)
        assert fleet.start("chain", sender="somebody else")

    def test_a_sender_far_from_its_limit_is_not_counted_each_time_and_stops_at_it_all_the_same(
        self, fleet: Fleet
    ) -> None:
        fleet.client = fleet.engine("client", slots=0, most_pending=40)
        for _ in range(40):
            fleet.start("chain")
        with pytest.raises(OverloadedError) as caught:
            fleet.start("chain")
        assert caught.value.pending == 40

    def test_what_others_accept_counts_after_a_second(self, fleet: Fleet) -> None:
        fleet.client = fleet.engine("client", slots=0, most_pending=40)
        fleet.start("chain")
        fleet.client, early = fleet.engine("other", slots=0, most_pending=40), fleet.client
        for _ in range(39):
            fleet.start("chain")
        fleet.client = early
        fleet.start("chain")
        fleet.clock.advance(SECOND)
        with pytest.raises(OverloadedError) as caught:
            fleet.start("chain")
        assert caught.value.pending == 41

    def test_a_crowd_of_senders_fills_no_memory(self, fleet: Fleet) -> None:
        allowance, now = Allowance(), fleet.clock.now()
        for number in range(MOST_SENDERS + 1):
            allowance.grant(f"sender-{number}", free=40, now=now)
        assert allowance.spend(f"sender-{MOST_SENDERS}", now)
        assert not allowance.spend("sender-0", now)

    def test_a_repeated_command_is_answered_all_the_same(self, fleet: Fleet) -> None:
        fleet.client = fleet.engine("client", slots=0, most_pending=1)
        first = fleet.start("chain", key="k")
        assert fleet.start("chain", key="k") == first

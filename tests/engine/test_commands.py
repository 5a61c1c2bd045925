"""How commands become runs: known again by their keys, and under ids that nobody has."""

from dataclasses import replace

import pytest

from orchestration.engine.submit import following, prepare
from orchestration.errors import DuplicateCommandError
from orchestration.state import RunStatus
from orchestration.store import commands
from orchestration.store.commands import AGAIN, KEPT
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, SECOND, Fleet, step, workflow

R = RunStatus
CHAIN = workflow("chain", step("first"), priority=3)
OTHER = workflow("other", step("first"), system=True)


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN, OTHER)


class TestDeduplication:
    def test_the_same_command_again_gets_the_same_run_and_starts_nothing(
        self, fleet: Fleet
    ) -> None:
        first = fleet.start("chain", {"n": 1}, key="k")
        assert fleet.start("chain", {"n": 1}, key="k") == first
        assert fleet.read(lambda s: s.one("SELECT COUNT(*) FROM runs")) == (1,)

    @pytest.mark.parametrize(("name", "parameters"), [("chain", {"n": 2}), ("other", {"n": 1})])
    def test_the_same_key_with_another_body_is_refused(
        self, fleet: Fleet, name: str, parameters: dict[str, int]
    ) -> None:
        fleet.start("chain", {"n": 1}, key="k")
        with pytest.raises(DuplicateCommandError, match="tests used the key 'k' for another"):
            fleet.start(name, parameters, key="k")
        assert fleet.read(lambda s: s.one("SELECT COUNT(*) FROM runs")) == (1,)

    def test_keys_of_different_senders_are_different(self, fleet: Fleet) -> None:
        assert fleet.start("chain", key="k", sender="a") != fleet.start(
            "chain", key="k", sender="b"
        )

    def test_without_a_key_every_command_is_new(self, fleet: Fleet) -> None:
        assert fleet.start("chain") != fleet.start("chain")

    def test_a_key_outlives_its_run(self, fleet: Fleet) -> None:
        first = fleet.start("chain", key="k")
        fleet.work_off(fleet.worker())
        fleet.clock.advance(KEPT - HOUR)
        assert fleet.client.forget(HOUR, 100) > 0
        assert not fleet.exists(first)
        assert fleet.start("chain", key="k") == first
        fleet.clock.advance(HOUR + SECOND)
        fleet.client.forget(HOUR, 100)
        assert fleet.start("chain", key="k") != first

    def test_a_key_is_known_until_its_run_has_ended(self, fleet: Fleet) -> None:
        paused = [fleet.start("chain", key=f"k{number}") for number in range(5)]
        for run_id in paused:
            fleet.client.pause(run_id)
        forgotten = fleet.start("chain", key="ended")
        fleet.client.cancel(forgotten)
        fleet.clock.advance(KEPT + HOUR)
        fleet.store.write(lambda s: commands.forget(s, fleet.clock.now(), 2))
        assert fleet.rows("commands") >= 5, "in whatever order they are looked at"
        while fleet.client.forget(30 * KEPT, 100):
            pass
        assert fleet.rows("commands") == 5
        for number, run_id in enumerate(paused):
            assert fleet.start("chain", key=f"k{number}") == run_id
        assert fleet.start("chain", key="ended") != forgotten
        for run_id in paused:
            fleet.client.cancel(run_id)
        fleet.clock.advance(AGAIN + HOUR)
        fleet.client.forget(30 * KEPT, 100)
        assert fleet.rows("commands") == 1

    def test_keys_of_open_runs_are_looked_at_a_few_at_a_time_and_seldom(self, fleet: Fleet) -> None:
        for number in range(5):
            fleet.client.pause(fleet.start("chain", key=f"k{number}"))
        late = fleet.clock.now() + KEPT + HOUR
        looked = [fleet.store.write(lambda s: commands.forget(s, late, 2)) for _ in range(4)]
        assert looked == [2, 2, 1, 0]


class TestTakenIds:
    def test_a_run_whose_id_is_taken_gets_the_next_one(self, fleet: Fleet) -> None:
        def started(sender: str) -> str:
            command = prepare(fleet.app, "chain", {}, sender=sender, run_hex=f"{'0' * 10}fe")
            return fleet.client.submit(replace(command, key="k", trace=None))

        assert started("a") == "chain_0000000000fe"
        assert started("b") == "chain_0000000000ff"
        assert started("c") == "chain_000000000100"
        assert started("b") == "chain_0000000000ff", "the key knows the id that it got"
        assert fleet.events("chain_000000000100")[0] == "run.pending"
        fleet.work_off(fleet.worker())
        assert fleet.status("chain_000000000100") is R.COMPLETED

    def test_after_the_last_number_comes_the_first(self) -> None:
        assert following("buy_now_ffffffffffff") == "buy_now_000000000000"

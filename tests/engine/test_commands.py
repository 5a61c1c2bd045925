"""How commands become runs: validated, known again, and not too many."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from pydantic import BaseModel, Field, RootModel, create_model, model_validator

from orchestration import settings
from orchestration.bus import topology
from orchestration.definitions import App, Workflow
from orchestration.desk.starting import command_of
from orchestration.engine.allowance import MOST_SENDERS, Allowance
from orchestration.engine.fingerprint import dumped
from orchestration.engine.submit import following, prepare, validated, workflow_of
from orchestration.errors import (
    DuplicateCommandError,
    OverloadedError,
    RejectedError,
    UnknownCommandError,
)
from orchestration.runtime.door import Delivery, Door
from orchestration.state import RunStatus
from orchestration.store import commands
from orchestration.store.commands import AGAIN, KEPT, Seen
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, SECOND, Fleet, app_of, step, workflow

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


class Stamped(BaseModel):
    amount: float = 1
    tags: set[str] = set()
    number: int = Field(default_factory=count().__next__)


STAMP = Workflow("stamp", parameters=Stamped, steps=[step("first")])
AT_NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class TestCommandsWhoseDefaultsAreNoConstants:
    @pytest.fixture
    def fleet(self, fleet_of: MakeFleet) -> Fleet:
        return fleet_of(STAMP)

    def started(self, fleet: Fleet, given: Any, key: str = "k") -> str:
        return fleet.client.submit(command_of(fleet.app, "stamp", given, "tests", key))

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"amount": 2},
            {"tags": {"b", "a", "c"}},
            {"at": AT_NOON},
            {"deep": [Stamped(tags={"x", "y"}, number=7)]},
            Stamped(),
            Stamped(amount=2, tags={"b", "a"}),
        ],
    )
    def test_the_same_one_again_gets_the_same_run(self, fleet: Fleet, given: Any) -> None:
        loose = type("Loose", (Stamped,), {"model_config": {"extra": "allow"}})
        fleet.app = App(agents=fleet.app.agents, workflows=[replace(STAMP, parameters=loose)])
        first = self.started(fleet, given)
        assert self.started(fleet, given) == first
        assert fleet.rows("runs") == 1

    def test_one_that_comes_by_two_queues_is_accepted_once_and_never_refused(
        self, fleet: Fleet
    ) -> None:
        asked = {"command_type": "stamp", "parameters": {"amount": 2}}
        envelope = {"id": "m1", "message_type": "command", "sender": "desk", "payload": asked}
        body = json.dumps({**envelope, "recipient": "orchestration_agent"}).encode()
        door = Door(fleet.app, settings.load({}))
        for queue in (topology.QUEUE, topology.INBOX):
            operation = door.read(Delivery(queue, 1, "command.orchestration", body))
            assert callable(operation)
            fleet.client.commit(operation)
        assert (fleet.rows("runs"), fleet.rows("dead_letters")) == (1, 0)

    def test_a_model_that_is_made_again_is_the_same_by_what_was_set(self, fleet: Fleet) -> None:
        assert Stamped() != Stamped()
        first = self.started(fleet, Stamped(amount=2.5))
        assert self.started(fleet, Stamped(amount=2.5)) == first
        assert self.started(fleet, {"amount": 2.5}) == first
        with pytest.raises(DuplicateCommandError):
            self.started(fleet, Stamped(amount=3))

    def test_one_with_another_value_is_refused(self, fleet: Fleet) -> None:
        self.started(fleet, {"amount": 2})
        for other in ({}, {"amount": 3}, {"amount": 2, "number": 5}):
            with pytest.raises(DuplicateCommandError):
                self.started(fleet, other)

    def test_one_that_means_the_same_is_known_though_it_is_given_otherwise(
        self, fleet: Fleet
    ) -> None:
        first = self.started(fleet, {"amount": 2, "number": 1})
        assert self.started(fleet, {"amount": "2", "number": 1.0}) == first

    def test_one_is_known_though_a_release_has_added_a_default(self, fleet: Fleet) -> None:
        first = self.started(fleet, {"amount": 2, "number": 1})
        newer = create_model("Newer", __base__=Stamped, added=(int, 5))
        fleet.app = App(agents=fleet.app.agents, workflows=[replace(STAMP, parameters=newer)])
        assert self.started(fleet, {"amount": 2, "number": 1}) == first

    def test_one_that_an_earlier_release_took_is_known_by_what_it_kept(self, fleet: Fleet) -> None:
        command = command_of(fleet.app, "stamp", {"number": 1}, "tests", "k")
        first = fleet.client.submit(replace(command, given=None))
        assert fleet.read(lambda s: commands.find(s, "tests", "k")) == Seen(command.digest, first)
        assert self.started(fleet, {"number": 1}) == first
        with pytest.raises(DuplicateCommandError):
            self.started(fleet, {"number": 2})

    def test_what_cannot_be_written_down_is_known_by_what_its_model_made_of_it(
        self, fleet: Fleet
    ) -> None:
        def tags() -> Any:
            return {"number": 1, "tags": iter(["b", "a"])}

        command = command_of(fleet.app, "stamp", tags(), "tests")
        assert command.given is None
        assert json.loads(command.parameters)["tags"] == ["a", "b"]
        assert self.started(fleet, tags()) == self.started(fleet, tags())


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


class Purchase(BaseModel):
    amount: int = Field(gt=0)
    note: str = "none"


BUY = Workflow("buy", parameters=Purchase, steps=[step("pay")])
APP = App(agents=app_of(BUY).agents, workflows=[BUY])


class Legs(RootModel[dict[str, set[tuple[str, ...]]]]):
    pass


class Trip(BaseModel):
    start: str = Field(alias="from")
    tags: set[str] = set()
    deep: list[Legs] = []


TRIP = Workflow("trip", parameters=Trip, steps=[step("pay")])


class TestValidation:
    def test_every_default_is_filled_in(self) -> None:
        assert validated(BUY, {"amount": 3}) == '{"amount": 3, "note": "none"}'

    def test_what_is_stored_can_be_read_by_the_model_again(self) -> None:
        known = validated(TRIP, {"from": "a", "tags": ["b", "a"], "deep": [{"legs": [["z", "y"]]}]})
        trip = Trip.model_validate_json(known)
        assert (trip.start, trip.tags, trip.deep[0].root["legs"]) == ("a", {"a", "b"}, {("z", "y")})
        assert '"tags": ["a", "b"]' in known

    def test_a_model_is_given_under_the_names_it_reads(self) -> None:
        assert validated(TRIP, dumped(Trip.model_validate({"from": "a"}))) == validated(
            TRIP, dumped({"from": "a"})
        )
        assert dumped(None) == {}

    def test_the_digest_is_the_same_in_every_process(self) -> None:
        code = (
            "from tests.engine.test_commands import TRIP, validated\n"
            "names = [str(number) for number in range(50)]\n"
            "deep = [{'x': [[name] for name in names]}]\n"
            "print(validated(TRIP, {'from': 'a', 'tags': names, 'deep': deep}))"
        )
        texts = {
            subprocess.run(
                [sys.executable, "-c", code],
                env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
                check=True,
                capture_output=True,
            ).stdout
            for seed in ("1", "2", "3")
        }
        assert len(texts) == 1

    def test_each_problem_is_one_sentence_with_its_place(self) -> None:
        with pytest.raises(RejectedError, match="buy: amount: ") as caught:
            validated(BUY, {"amount": -1, "note": ["x" * 100]})
        amount, note = caught.value.problems
        assert amount == "amount: Input should be greater than 0 (got -1)"
        assert note.startswith("note: Input should be a valid string (got ['xxx")
        assert note.endswith("...)")

    def test_what_is_no_object_at_all_is_refused(self) -> None:
        with pytest.raises(RejectedError, match="parameters: "):
            validated(BUY, "amount")  # type: ignore[arg-type]

    def test_an_unknown_command_names_the_known_ones(self) -> None:
        with pytest.raises(UnknownCommandError, match="known commands: buy") as caught:
            workflow_of(APP, "sell")
        assert (caught.value.command, caught.value.known) == ("sell", ("buy",))

    def test_a_prepared_command_is_named_after_its_workflow(self) -> None:
        command = prepare(APP, "buy", {"amount": 3}, sender="tests", run_hex="0123456789abcdef")
        assert command.run_id == "buy_0123456789ab"
        assert (command.sender, command.priority, command.needs_slot) == ("tests", 2, True)
        assert command.plan.versions == {"warehouse": 1}
        again = prepare(APP, "buy", {"amount": 3}, sender="x", run_hex="f" * 12)
        assert command.digest == again.digest


class Renaming(Purchase):
    @model_validator(mode="before")
    @classmethod
    def _of_old(cls, given: dict[str, object]) -> dict[str, object]:
        return {"amount": given.get("sum"), **given}


class Texts(BaseModel):
    texts: list[str]
    more: int = Field(default=1, alias="plus")


class TestNamesThatAModelTakesNoNoticeOf:
    def told(self, parameters: dict[str, object], model: type[BaseModel] = Texts) -> str:
        with pytest.raises(RejectedError) as raised:
            validated(Workflow("w", steps=[step("first")], parameters=model), parameters)
        return str(raised.value)

    def test_one_is_told_where_a_parameter_is_missing(self) -> None:
        told = self.told({"text": "a", "plus": 2})
        assert "w: unknown parameter 'text'; this workflow takes: plus, texts; texts: Field" in told
        assert "'plus'; this" not in told

    def test_none_is_told_where_nothing_is_missing_or_all_are_allowed(self) -> None:
        assert "unknown" not in self.told({"texts": 5, "text": "a"})
        allowing = type("Allowing", (Texts,), {"model_config": {"extra": "allow"}})
        assert "unknown" not in self.told({"text": "a"}, allowing)

    def test_a_start_with_one_is_refused(self, fleet_of: MakeFleet) -> None:
        fleet, given = fleet_of(BUY), {"amount": 1, "notes": "n"}
        with pytest.raises(RejectedError, match=r"'notes'; this workflow takes: amount, note$"):
            fleet.client.submit(command_of(fleet.app, "buy", given, "tests"))
        assert fleet.rows("runs") == 0
        bus = prepare(fleet.app, "buy", given, sender="bus", run_hex="0" * 12, named=())
        assert fleet.exists(fleet.client.submit(bus))

    def test_a_start_with_one_is_known_by_its_key_where_an_earlier_release_took_it(
        self, fleet_of: MakeFleet
    ) -> None:
        fleet, given = fleet_of(BUY), {"amount": 1, "notes": "n"}
        command = command_of(fleet.app, "buy", given, "tests", "k")
        first = fleet.client.submit(replace(command, strays=()))
        again = command_of(fleet.app, "buy", given, "tests", "k")
        assert fleet.client.submit(again) == first

    @pytest.mark.parametrize("extra", ["ignore", "allow"])
    def test_a_start_with_one_is_none_where_the_model_says_so(self, extra: str) -> None:
        model = type("Noting", (Purchase,), {"model_config": {"extra": extra}})
        app = App(agents=APP.agents, workflows=[replace(BUY, parameters=model)])
        command = command_of(app, "buy", {"amount": 1, "notes": "n"}, "tests")
        assert ("notes" in json.loads(command.parameters)) is (extra == "allow")

    def test_a_model_that_renames_what_it_is_given_is_asked_alone(self) -> None:
        app = App(agents=APP.agents, workflows=[replace(BUY, parameters=Renaming)])
        command = command_of(app, "buy", {"sum": 3}, "tests")
        assert json.loads(command.parameters)["amount"] == 3
        legs = App(agents=APP.agents, workflows=[replace(BUY, parameters=Legs)])
        assert command_of(legs, "buy", {"a": [["b"]]}, "tests").parameters == '{"a": [["b"]]}'

"""Commands are known again though their defaults are no constants and their sets have no order."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any

import pytest
from pydantic import BaseModel, Field, create_model

from orchestration import settings
from orchestration.bus import topology
from orchestration.definitions import App, Workflow
from orchestration.desk.starting import command_of
from orchestration.engine.command_digest import chosen
from orchestration.errors import DuplicateCommandError
from orchestration.runtime.door import Delivery, Door
from orchestration.store import commands
from orchestration.store.commands import Seen
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import Fleet, step


class Window(BaseModel):
    begin: datetime = Field(default_factory=partial(datetime.now, UTC))
    days: list[int] = []


class Restock(BaseModel):
    skus: list[str] = Field(default_factory=list)
    shelves: dict[str, int] = {}
    at: datetime = Field(default_factory=partial(datetime.now, UTC))
    window: Window = Field(default_factory=Window)


class Stamped(BaseModel):
    amount: float = 1
    tags: set[str] = set()
    number: int = Field(default_factory=count().__next__)


RESTOCK = Workflow("restock", parameters=Restock, steps=[step("first")])
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


class TestModelsThatWereChangedInPlace:
    @pytest.fixture
    def fleet(self, fleet_of: MakeFleet) -> Fleet:
        return fleet_of(RESTOCK)

    def started(self, fleet: Fleet, given: Restock) -> str:
        return fleet.client.submit(command_of(fleet.app, "restock", given, "tests", "k"))

    def test_another_content_is_another_command(self, fleet: Fleet) -> None:
        first, same, other, shelf = (Restock() for _ in range(4))
        for each, sku in ((first, "A"), (same, "A"), (other, "B")):
            each.skus.append(sku)
        shelf.skus.append("A")
        shelf.shelves["A"] = 1
        run_id = self.started(fleet, first)
        assert self.started(fleet, same) == run_id
        for each in (other, shelf, Restock()):
            with pytest.raises(DuplicateCommandError):
                self.started(fleet, each)

    def test_a_default_that_is_another_one_each_time_is_not_chosen(self, fleet: Fleet) -> None:
        first, again = Restock(), Restock()
        assert first.at != again.at
        assert first.window != again.window
        assert self.started(fleet, first) == self.started(fleet, again)

    def test_a_default_that_cannot_be_made_again_counts_once_it_is_set(self) -> None:
        class Once(BaseModel):
            skus: list[str] = Field(default_factory=iter([["A"], ["B"]]).__next__)

        first, again = Once(), Once()
        assert (first.skus, again.skus) == (["A"], ["B"])
        assert chosen(first) == chosen(again) == {}
        assert chosen(Once(skus=["A"])) == {"skus": ["A"]}

"""What a workflow's model makes of its parameters, and what it refuses."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from pydantic import BaseModel, Field, RootModel, model_validator

from orchestration.definitions import App, Workflow
from orchestration.desk.starting import command_of
from orchestration.engine.command_digest import dumped
from orchestration.engine.submit import prepare, validated, workflow_of
from orchestration.errors import RejectedError, UnknownCommandError
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import app_of, step


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
            "from tests.engine.test_validation import TRIP, validated\n"
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

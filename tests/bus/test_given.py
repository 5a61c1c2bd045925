"""What a command brings along, as a handler reads it."""

from typing import Any

import pytest

from orchestration.bus.command import Command, command_of
from orchestration.bus.memory import Memory, digest
from orchestration.errors import PermanentError
from orchestration.messages import Envelope, MessageType


def command(**payload: Any) -> Command:
    envelope = Envelope(
        id="c", message_type=MessageType.COMMAND, sender="a", recipient="b", payload=payload
    )
    return command_of(envelope, lambda *_: None)


def test_results_are_read_by_name_and_those_too_large_say_what_to_do() -> None:
    given = command(results={"first": [1, 2]}, results_left_out=["second", 3]).results
    assert given["first"] == [1, 2]
    assert sorted(given) == ["first", "second"]
    assert len(given) == 2
    with pytest.raises(PermanentError, match="'second' is too large for a message: let its step"):
        given["second"]
    with pytest.raises(KeyError):
        given["third"]


def test_a_configuration_is_read_with_its_versions_and_set_over_them() -> None:
    told = {"mode": {"version": 3, "set_by": "run_1"}, "source": {"version": 1, "set_by": None}}
    given = command(
        configuration={"mode": "slow", "new": None},
        configuration_versions=told,
        configuration_left_out=["source"],
    ).configuration
    assert (given.get("mode"), given.get("new"), given.get("never")) == ("slow", None, None)
    assert (given.version("mode"), given.set_by("mode")) == (3, "run_1")
    assert (given.version("new"), given.set_by("new")) == (0, None)
    with pytest.raises(PermanentError, match="'source' is too large for a message"):
        given.get("source")
    assert given.answer() == {}
    given.set("mode", ("fast", 1))
    given.set("new", 7)
    assert given.get("mode") == ["fast", 1]
    assert given.answer() == {
        "configuration": {"mode": ["fast", 1], "new": 7},
        "configuration_over": {"mode": 3, "new": 0},
    }


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_what_is_no_json_is_refused_when_it_is_set(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        command().configuration.set("mode", value)


@pytest.mark.parametrize("wrong", [None, 1, "x", [1]])
def test_what_is_not_as_it_should_be_is_left_out(wrong: Any) -> None:
    found = command(
        results=wrong,
        results_left_out=wrong if wrong != "x" else 1,
        configuration=wrong,
        configuration_versions={"mode": wrong},
    )
    assert dict(found.results) == {}
    assert found.configuration.get("mode") is None
    assert found.configuration.version("mode") == 0
    assert found.configuration.set_by("mode") is None


def test_a_memory_forgets_the_oldest_answers_beyond_its_bounds() -> None:
    memory = Memory(most=2, largest=60)
    for number in range(3):
        memory.begin(("a", str(number)), "b")
        assert memory.is_open(("a", str(number)))
        memory.end(("a", str(number)), "b", {"result": number})
    assert memory.answer(("a", "0")) is None
    assert memory.answer(("a", "2")) == {"result": 2}
    assert memory.answer(("b", "2")) is None
    memory.end(("a", "3"), "b", {"result": "x" * 40})
    assert memory.answer(("a", "2")) is None
    assert memory.answer(("a", "3")) == {"result": "x" * 40}
    assert not memory.is_open(("a", "3"))


def test_an_answer_that_is_given_often_takes_the_room_of_one() -> None:
    memory = Memory(most=10, largest=100)
    for _ in range(20):
        memory.end(("a", "often"), "b", {"result": "x" * 20})
    memory.end(("a", "other"), "b", {"result": "y" * 20})
    assert memory.answer(("a", "often")) == {"result": "x" * 20}
    assert memory.answer(("a", "other")) == {"result": "y" * 20}


def test_another_body_under_the_same_id_is_noticed_at_work_and_afterwards() -> None:
    memory, key = Memory(), ("a", "1")
    assert not memory.differs(key, digest("reserve", {"n": 1}))
    memory.begin(key, digest("reserve", {"n": 1}))
    assert memory.differs(key, digest("reserve", {"n": 2}))
    memory.end(key, digest("reserve", {"n": 1}), {"result": 1})
    assert memory.differs(key, digest("reserve", {"n": 2}))
    assert not memory.differs(key, digest("reserve", {"n": 1}))

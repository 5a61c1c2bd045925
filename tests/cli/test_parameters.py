"""Parameters are read the way the workflow's model wants them."""

import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from orchestration.cli.parameters import read, read_by_schema, takes_list
from orchestration.errors import RejectedError
from tests.cli.conftest import Cli
from tests.cli.sample import Job


class Odd(Job):
    """A job with fields whose JSON Schema tells less than their type."""

    anything: Any
    perhaps: Any | None
    span: timedelta
    at: datetime
    either: Literal[1, "a"]
    where: Job | None
    table: dict[str, int]


@pytest.mark.parametrize("behind_a_server", [False, True])
@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("items=AAPL,IBM", ["AAPL", "IBM"]),
        ("items=AAPL", ["AAPL"]),
        ("items=5", ["5"]),
        ('items=["a, b"]', ["a, b"]),
        ("items=", []),
        ("kinds=red,blue", ["red", "blue"]),
        ("kinds=null", None),
        ("count=3", 3),
        ("count=many", "many"),
        ("ratio=0.25", 0.25),
        ("loud=true", True),
        ("loud=yes", "yes"),
        ("label=6M", "6M"),
        ("label=12", "12"),
        ("label=a=b", "a=b"),
        ("label=a,b", "a,b"),
        ("label=NaN", "NaN"),
        ("label=1e5", "1e5"),
        ("count=1e5", 1e5),
        ("count=1.5", 1.5),
        ('count="3"', "3"),
        ("loud=1", 1),
        ("anything=5", 5),
        ("anything=a,b", "a,b"),
        ('anything={"a": [1]}', {"a": [1]}),
        ("perhaps=5", 5),
        ("span=30", 30),
        ("span=1.5", 1.5),
        ("span=PT30S", "PT30S"),
        ("at=2026-01-02", "2026-01-02"),
        ("either=1", 1),
        ("either=a", "a"),
        ('where={"count": 2}', {"count": 2}),
        ('table={"a": 1}', {"a": 1}),
    ],
)
def test_a_pair_is_read_for_its_field(pair: str, value: Any, *, behind_a_server: bool) -> None:
    given = reading(Odd, [pair], behind_a_server=behind_a_server)[pair.partition("=")[0]]
    assert (type(given), given) == (type(value), value)


def reading(model: type[BaseModel], pairs: list[str], *, behind_a_server: bool) -> dict[str, Any]:
    """What is given to the model here, or to a server that sent its schema."""
    if behind_a_server:
        return read_by_schema(model.model_json_schema(), pairs, None)
    return read(model, pairs, None)


def test_a_pair_wins_over_the_file() -> None:
    file = io.BytesIO(b'{"count": 1, "label": "x"}')
    assert read(Job, ["count=2"], file) == {"count": 2, "label": "x"}


@pytest.mark.parametrize("behind_a_server", [False, True])
@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        (["count"], "write key=value"),
        (["=3"], "write key=value"),
        (["colour=red"], "unknown parameter 'colour'; this workflow takes: count"),
        (["count=1", "count=2"], "given twice"),
        (["colour=red", "size"], "unknown parameter 'colour'.*; -p size: write key=value"),
    ],
)
def test_what_is_no_parameter_is_refused(
    pairs: list[str], says: str, *, behind_a_server: bool
) -> None:
    with pytest.raises(RejectedError, match=says):
        reading(Job, pairs, behind_a_server=behind_a_server)


@pytest.mark.parametrize("text", [b"[1]", b"{", b'{"ratio": NaN}', b"\xff"])
def test_a_file_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(RejectedError, match="one JSON object"):
        read(Job, [], io.BytesIO(text))


def test_lists_are_known_by_their_type() -> None:
    assert all(map(takes_list, [list[int], tuple[str, ...], set[str], list[str] | None, list]))
    assert not any(map(takes_list, [str, int, dict[str, int], str | None, Any]))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nonsense"], "unknown command 'nonsense'; known commands: asking"),
        (["job", "-p", "count=-5"], "count: Input should be greater than or equal to 1 (got -5)"),
        (["job", "-p", "count=many"], "count: Input should be a valid integer"),
        (["job", "-p", "kinds=green"], "kinds.0: Input should be 'red' or 'blue'"),
        (["job", "-p", "items="], "items: List should have at least 1 item"),
        (["job", "--json", "-"], "write one JSON object"),
        (["job", "--json", "/nowhere/at/all"], "No such file"),
    ],
)
def test_bad_input_is_one_clear_line_and_writes_nothing(
    cli: Cli, home: Path, words: list[str], says: str
) -> None:
    for verb in ("run", "send"):
        assert says in cli(verb, *words, code=2, stdin="[]").stderr
    assert not home.exists()


def test_an_unknown_command_of_the_app_on_board_tells_how_to_name_ones_own(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = "(of the app on board; ORCHESTRATION_APP names yours)"
    assert own not in cli("send", "restock", code=2).stderr
    monkeypatch.chdir(home.parent)
    monkeypatch.delenv("ORCHESTRATION_APP")
    for words in (["send", "restock"], ["commands", "restock"]):
        assert own in cli(*words, code=2).stderr

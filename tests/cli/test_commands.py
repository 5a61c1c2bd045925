"""What can be started, and with which parameters, without a store or a server."""

import re
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from orchestration.views.commands import parameters_of
from tests.cli.conftest import Cli


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Box(BaseModel):
    size: Size


class Order(BaseModel):
    amount: Annotated[int, Field(ge=1, le=9, description="How many")]
    sizes: list[Size] = []
    box: Box | None = None
    at: datetime | None = None
    mode: Literal["now"] = "now"
    note: str = ""
    more: Any = None
    things: list[Any] = [1]
    code: str = "5"
    word: str | None = "null"


def test_each_parameter_is_told_with_type_default_and_bounds() -> None:
    rows = [tuple(each.values()) for each in parameters_of(Order.model_json_schema())]
    assert rows == [
        ("amount", "integer", "required", "How many · 1 to 9"),
        ("sizes", "list of small | large", "[]", ""),
        ("box", "object or null", "null", ""),
        ("at", "string (date-time) or null", "null", ""),
        ("mode", "now", "now", ""),
        ("note", "string", '""', ""),
        ("more", "anything", "null", ""),
        ("things", "list", "[1]", ""),
        ("code", "string", '"5"', ""),
        ("word", "string or null", '"null"', ""),
    ]


def test_every_command_is_listed_with_what_it_takes(cli: Cli, home: Path) -> None:
    said = cli("commands").stdout
    assert "gate: A run that works until a file is there.\nsteps: first, waiting\n" in said
    assert re.search(r"\npath +string \(path\) +required\nitems +list of string", said)
    assert "\nasking\nsteps: asked\nno parameters\n" in said
    assert not home.exists(), "no store is made"


def test_named_commands_alone_are_listed(cli: Cli, values: Callable[..., Any]) -> None:
    assert "gate" not in cli("commands", "job").stdout
    (found,) = values("commands", "job")
    assert (found["command"], found["about"]) == ("job", "")
    assert len(values("commands", "--limit", "2")) == 2
    assert found["parameters"]["properties"]["count"]["minimum"] == 1
    assert "known commands: asking, bad," in cli("commands", "jop", code=2).stderr

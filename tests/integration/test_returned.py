"""What an action returns is kept as JSON, or its step fails and says why."""

import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel

from orchestration import Agent, App, Context, Retry, Step, Workflow
from orchestration.errors import PermanentError
from orchestration.runtime.returned import as_json
from orchestration.testbed import Fleet


class Parcel(BaseModel):
    sku: str


class Rack(BaseModel, extra="allow"):
    rows: Any


@dataclass
class Shelf:
    parcels: Any


class Thing: ...


def rows() -> Iterator[int]:
    yield 1


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        ({"a": [1, 2.5, True, "x"]}, {"a": [1, 2.5, True, "x"]}),
        (Parcel(sku="A"), {"sku": "A"}),
        (Shelf([Parcel(sku="A")]), {"parcels": [{"sku": "A"}]}),
        ((1, {2}, deque([3])), [1, [2], [3]]),
        ({"on": date(2025, 1, 31)}, {"on": "2025-01-31"}),
        ([[1], [1]] * 2, [[1], [1], [1], [1]]),
    ],
)
def test_what_holds_values_is_kept_as_these(value: Any, kept: Any) -> None:
    assert as_json(value, "warehouse.count") == kept


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (rows(), "warehouse.count returned a generator, which can be read once"),
        ({"lines": io.StringIO("a")}, "returned a StringIO, .*: return a list of what it yields"),
        ([Shelf(iter([1]))], "returned a list_iterator, which can be read once"),
        (Rack(rows=iter([1])), "returned a list_iterator, which can be read once"),
        (Rack.model_validate({"rows": 1, "more": iter([1])}), "returned a list_iterator"),
        ([1, "two", rows()], "returned a generator, which can be read once"),
        ({"thing": Thing()}, r"no JSON value \(there is a Thing in it\): return a dict, a list,"),
        (range(3), r"\(there is a range in it\)"),
        (b"\xff", "codec can't decode"),
        (LOOP, "Circular reference"),
    ],
)
def test_what_is_no_value_is_refused_with_what_to_return(value: Any, told: str) -> None:
    with pytest.raises(PermanentError, match=told):
        as_json(value, "warehouse.count")


def test_a_step_that_returns_no_value_fails_at_once() -> None:
    def count(_context: Context) -> Iterator[int]:
        return rows()

    step = Step("counting", "warehouse", "count", retry=Retry(attempts=3))
    agents = [Agent("warehouse", actions={"count": count})]
    fleet = Fleet(App(agents=agents, workflows=[Workflow("stocktaking", steps=[step])]))
    final = fleet.start("stocktaking").final()
    assert final["status"] == "failed"
    assert "warehouse.count returned a generator" in final["error_messages"][0]
    assert len(fleet.calls) == 1, "it would return the same again"
    fleet.close()

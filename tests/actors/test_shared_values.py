"""The shared values of the tests behave as the real ones do."""

from typing import Any

import pytest

from actors import app
from actors.market.market import open_market
from orchestration.context import Shared
from orchestration.runtime.staging import SharedValues
from orchestration.settings import load
from orchestration.store.sqlite import MemoryStore
from tests.actors.markets import MemoryShared
from tests.clock import FakeClock
from tests.engine.fleet import Fleet


def test_they_have_the_time_of_the_store_and_vendors_gates_go_by_it(
    clock: FakeClock, memory: MemoryStore
) -> None:
    real = SharedValues(Fleet(memory, clock, app).engine("me"))
    assert open_market(real, load({})).clock.now() == real.now() == clock.now()


@pytest.fixture(params=["test", "real"])
def values(request: pytest.FixtureRequest, clock: FakeClock, memory: MemoryStore) -> Shared:
    if request.param == "test":
        return MemoryShared()
    return SharedValues(Fleet(memory, clock, app).engine("me"))


def test_a_value_is_replaced_listed_and_deleted(values: Shared) -> None:
    assert values.get("market.one") is None
    first: Any = {"taken": [1.5], "ticket": None}
    assert values.update("market.one", lambda old: first if old is None else old) == first
    assert values.update("market.one", lambda old: {**old, "ticket": "x"})["ticket"] == "x"
    values.update("market.two", lambda _: 2)
    values.update("other", lambda _: 3)
    assert values.under("market.") == {
        "market.one": {"taken": [1.5], "ticket": "x"},
        "market.two": 2,
    }
    assert values.update("market.one", lambda _: None) is None
    assert values.get("market.one") is None
    assert list(values.under("market.")) == ["market.two"]


def test_a_change_that_fails_changes_nothing(values: Shared) -> None:
    values.update("key", lambda _: 1)
    with pytest.raises(ZeroDivisionError):
        values.update("key", lambda old: old / 0)
    assert values.get("key") == 1

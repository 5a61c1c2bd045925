import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from orchestration.context import Configuration, Context, Fleet, Shared
from orchestration.definitions import NoParameters


class Nobody(Fleet):
    def status(self) -> dict[str, Any]:
        return {}

    def emergency(self) -> dict[str, Any]:
        return {}

    def pause(self, agents: Sequence[str], by: str) -> None:
        raise AssertionError(agents, by)

    def resume(self, agents: Sequence[str], by: str) -> None:
        raise AssertionError(agents, by)


class Nothing(Configuration, Shared):
    def get(self, name: str) -> Any:
        raise AssertionError(name)

    def version(self, name: str) -> int:
        raise AssertionError(name)

    def set_by(self, name: str) -> str | None:
        raise AssertionError(name)

    def set(self, name: str, value: Any) -> None:
        raise AssertionError(name, value)

    def under(self, prefix: str) -> dict[str, Any]:
        raise AssertionError(prefix)

    def update(self, key: str, change: Callable[[Any], Any]) -> Any:
        raise AssertionError(key, change)

    def now(self) -> datetime:
        raise AssertionError


def context(reports: list[tuple[float, str]], *, cancelled: bool = False) -> Context:
    return Context(
        workflow_id="restock_1",
        step="packing",
        parameters=NoParameters(),
        results={},
        item=None,
        attempt=1,
        idempotency_key="restock_1:packing",
        log=logging.LoggerAdapter(logging.getLogger("test")),
        fleet=Nobody(),
        configuration=Nothing(),
        shared=Nothing(),
        emitter=lambda *_: None,
        report=lambda fraction, message: reports.append((fraction, message)),
        is_cancelled=lambda: cancelled,
    )


@pytest.mark.parametrize(
    ("told", "written"), [(0.5, 0.5), (-1.0, 0.0), (7.0, 1.0), (float("nan"), 0.0)]
)
def test_progress_stays_between_nothing_and_all(told: float, written: float) -> None:
    reports: list[tuple[float, str]] = []
    context(reports).progress(told, "packing")
    assert reports == [(written, "packing")]


@pytest.mark.parametrize("message", [None, {"rows": 3}, 7])
def test_progress_takes_any_message_and_any_number(message: Any) -> None:
    reports: list[tuple[float, str]] = []
    context(reports).progress(True, message)  # noqa: FBT003
    assert reports == [(1.0, str(message))]
    assert type(reports[0][0]) is float


def test_an_attempt_can_ask_whether_it_lost_its_claim() -> None:
    assert context([], cancelled=True).cancelled
    assert not context([]).cancelled

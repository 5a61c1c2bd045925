"""How a caller waits for the end of a run."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from typing_extensions import override

from orchestration import handles
from orchestration.handles import NEAR_S, Handle, growing
from orchestration.state import RunStatus
from orchestration.store.events import EventRow


class Clockwork:
    """A clock that moves as its sleepers sleep."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        """Seconds slept so far."""
        return sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        """Note the pause."""
        self.pauses.append(seconds)


class Slow(Handle):
    """A run that has ended when it is looked at for the last of so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__("slow_1")
        self.left = looks

    @override
    def _end(self, until: float) -> dict[str, Any] | None:
        self.left -= 1
        return None if self.left else self.final()

    @override
    def status(self) -> dict[str, Any]:
        return self.final()

    @override
    def phase(self) -> RunStatus:
        return RunStatus.COMPLETED

    @override
    def final(self) -> dict[str, Any]:
        return {"status": "completed", "result": 7, "error_messages": []}

    @override
    def cancel(self, reason: str = "") -> RunStatus:
        return RunStatus.CANCELLED

    @override
    def events(self) -> Iterator[EventRow]:
        return iter(())


@pytest.fixture
def clockwork(monkeypatch: pytest.MonkeyPatch) -> Clockwork:
    """The clock by which handles wait."""
    made = Clockwork()
    monkeypatch.setattr(handles, "time", made)
    return made


def test_a_short_run_is_not_waited_for_longer_than_it_takes(clockwork: Clockwork) -> None:
    assert Slow(looks=3).result() == 7
    assert clockwork.monotonic() < 0.005


def test_a_long_run_is_looked_at_seldom(clockwork: Clockwork) -> None:
    Slow(looks=100).result()
    assert clockwork.pauses[-1] == NEAR_S[1]
    assert clockwork.pauses == sorted(clockwork.pauses)


def test_a_wait_ends_on_time(clockwork: Clockwork) -> None:
    with pytest.raises(TimeoutError, match="slow_1 has not ended"):
        Slow(looks=1_000).result(timeout=0.12)
    assert clockwork.monotonic() == pytest.approx(0.12)


def test_pauses_grow_to_the_longest() -> None:
    pauses = list(islice(growing(1.0, 2.0), 6))
    assert pauses == [1.0, 1.25, 1.5625, 1.953125, 2.0, 2.0]

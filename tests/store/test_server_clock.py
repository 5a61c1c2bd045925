"""A server's time of day on a machine that has another one."""

from datetime import timedelta

import pytest

from orchestration.store.server_clock import EVERY_S, ServerClock
from tests.clock import FakeClock

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


class Server:
    """Another machine, some time of whose answers goes by on the way back."""

    def __init__(self, here: FakeClock, ahead: timedelta) -> None:
        self.here, self.ahead = here, ahead
        self.way_s = 0.0

    def __call__(self) -> float:
        self.here.advance(self.way_s / 2 * SECOND)
        said = (self.here.now() + self.ahead).timestamp()
        self.here.advance(self.way_s / 2 * SECOND)
        return said


@pytest.fixture
def server(clock: FakeClock) -> Server:
    return Server(clock, HOUR)


def test_before_the_server_was_asked_this_machine_tells_the_time(clock: FakeClock) -> None:
    told = ServerClock(clock)
    assert told.is_due()
    assert (told.now(), told.monotonic()) == (clock.now(), clock.monotonic())


def test_then_the_server_does_and_nobody_who_sets_this_machine(
    clock: FakeClock, server: Server
) -> None:
    told, offset = ServerClock(clock), ServerClock(clock).offset
    server.way_s = 0.2
    told.ask(server)
    assert told.now() == clock.now() + HOUR
    before = told.now()
    clock.jump(-5 * HOUR)
    clock.advance(SECOND)
    assert told.now() == before + SECOND
    assert told.offset == offset


def test_it_is_asked_again_after_a_while(clock: FakeClock, server: Server) -> None:
    told = ServerClock(clock)
    told.ask(server)
    assert not told.is_due()
    clock.advance(EVERY_S * SECOND)
    assert told.is_due()
    server.ahead += SECOND
    told.ask(server)
    assert not told.is_due()
    assert told.now() == clock.now() + HOUR + SECOND


def test_a_machine_that_has_slept_asks_at_once(clock: FakeClock, server: Server) -> None:
    told = ServerClock(clock)
    told.ask(server)
    clock.jump(HOUR)  # the other clock stands still in a machine that sleeps
    assert told.is_due()
    server.way_s = 9.0
    told.ask(server)
    assert told.now() == clock.now() + HOUR


def test_a_machine_that_sleeps_before_the_answer_comes_asks_again(clock: FakeClock) -> None:
    told = ServerClock(clock)

    def asleep() -> float:
        said = (clock.now() + HOUR).timestamp()
        clock.jump(HOUR)
        return said

    told.ask(asleep)
    assert told.is_due()


def test_a_machine_that_stood_still_believes_the_server_at_once(
    clock: FakeClock, server: Server
) -> None:
    told = ServerClock(clock)
    told.ask(server)
    server.ahead, server.way_s = 2 * HOUR, 0.3  # for the machine no time has passed
    told.ask(server)
    assert abs(told.now() - clock.now() - 2 * HOUR) < SECOND


def test_an_answer_that_is_of_no_use_is_not_asked_for_again_at_once(
    clock: FakeClock, server: Server
) -> None:
    told = ServerClock(clock)
    told.ask(server)
    clock.advance(EVERY_S * SECOND)
    server.way_s = 0.5
    told.ask(server)
    assert not told.is_due()


def test_an_answer_of_no_use_still_tells_that_this_machine_was_set(
    clock: FakeClock, server: Server
) -> None:
    told = ServerClock(clock)
    told.ask(server)
    clock.jump(HOUR)
    server.ahead, server.way_s = timedelta(), 0.5  # the server's time goes on as before
    told.ask(server)
    assert not told.is_due(), "it would be asked in every transaction"
    assert told.now() == clock.now()


def test_an_answer_that_took_long_changes_nothing_until_it_is_better_than_what_is_known(
    clock: FakeClock, server: Server
) -> None:
    told = ServerClock(clock)
    told.ask(server)
    server.way_s, server.ahead = 2.0, HOUR + SECOND
    told.ask(server)
    assert told.now() == clock.now() + HOUR
    clock.advance(timedelta(seconds=1_000))
    told.ask(server)
    assert told.now() == clock.now() + HOUR + SECOND

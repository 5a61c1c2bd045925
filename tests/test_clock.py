import time
from datetime import UTC, timedelta

import pytest

from orchestration.clock import BOOT_ID, SystemClock, boot_id, jitter, new_id, run_hex
from orchestration.ports import Clock
from tests.clock import FakeClock


@pytest.fixture(params=[SystemClock, FakeClock])
def any_clock(request: pytest.FixtureRequest) -> Clock:
    clock: Clock = request.param()
    return clock


def test_a_clock_tells_the_time_in_utc_and_never_runs_backwards(any_clock: Clock) -> None:
    before, then = any_clock.now(), any_clock.monotonic()
    assert before.tzinfo is UTC
    assert any_clock.now() >= before
    assert any_clock.monotonic() >= then


def test_a_fake_clock_moves_by_hand_only() -> None:
    clock = FakeClock()
    before, then = clock.now(), clock.monotonic()
    clock.advance(timedelta(seconds=90))
    assert (clock.now() - before, clock.monotonic() - then) == (timedelta(seconds=90), 90)
    clock.jump(timedelta(hours=1))
    assert clock.monotonic() - then == 90


def test_ids_are_32_hex_digits_and_nobody_elses() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in ids)


def test_digits_of_runs_begin_with_the_second() -> None:
    before = int(time.time())
    drawn = {run_hex() for _ in range(100)}
    seconds = {f"{second % 16**6:06x}" for second in range(before, int(time.time()) + 1)}
    assert {each[:6] for each in drawn} <= seconds
    assert {len(each) for each in drawn} == {12}
    assert len({each[6:] for each in drawn}) > 90


def test_jitter_is_a_number_from_nothing_to_less_than_one() -> None:
    assert all(0 <= jitter() < 1 for _ in range(100))


def test_a_machine_without_a_boot_id_has_its_boot_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.clock.BOOT_ID", BOOT_ID / "missing")
    assert float(boot_id.__wrapped__()) > 0

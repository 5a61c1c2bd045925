"""Samples: one a minute and name, kept for a while."""

from datetime import timedelta

from orchestration.ports import Store
from orchestration.store import samples
from orchestration.store.samples import Sample
from orchestration.views import depths
from tests.clock import FakeClock

MINUTE = timedelta(minutes=1)


def test_who_comes_second_in_a_minute_changes_nothing(store: Store, clock: FakeClock) -> None:
    first = Sample("agent", clock.now(), 3, 1)
    store.write(lambda s: samples.add_all(s, [first]))
    store.write(lambda s: samples.add_all(s, [Sample("agent", clock.now(), 9, 9)]))
    assert store.read(lambda s: samples.since(s, clock.now())) == [first]


def test_old_ones_are_forgotten_a_few_at_a_time(store: Store, clock: FakeClock) -> None:
    many = [Sample("agent", clock.now() + MINUTE * n, n, 0) for n in range(10)]
    store.write(lambda s: samples.add_all(s, many))
    edge = clock.now() + MINUTE * 5
    assert store.write(lambda s: samples.forget(s, edge, 3)) == 3
    assert store.write(lambda s: samples.forget(s, edge, 3)) == 2
    assert store.read(lambda s: samples.since(s, clock.now())) == many[5:]


def test_a_day_is_shown_by_the_highest_of_each_quarter_of_an_hour(
    store: Store, clock: FakeClock
) -> None:
    now = clock.now()
    found = [Sample("agent", now - MINUTE * n, n, 0) for n in (1, 2, 16)]
    store.write(lambda s: samples.add_all(s, found))
    depth = store.read(lambda s: depths.depths(s, now))["agent"]
    assert depth.values[-2:] == (16, 2)
    assert set(depth.values[:-2]) == {None}
    assert depth.highest == 16
    assert not depths.NOTHING.known

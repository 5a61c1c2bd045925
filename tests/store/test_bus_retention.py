"""What agents sent, and what could not be used of it, is kept within bounds."""

from datetime import timedelta

import pytest

from orchestration.ports import Session, Store
from orchestration.store import data_messages, dead_letters, retention
from orchestration.store.dead_letters import DeadLetter
from tests.clock import FakeClock


def bury(session: Session, clock: FakeClock, body: bytes) -> None:
    letter = DeadLetter(reason="bad_json", detail="", routing_key="x.y", body=body)
    dead_letters.add(session, letter, clock.now())


@pytest.mark.parametrize(("age", "keep", "left"), [(365, 10, 4), (365, 2, 2), (0, 10, 0)])
def test_old_letters_and_data_go_and_the_newest_stay(
    store: Store, age: int, keep: int, left: int
) -> None:
    clock = FakeClock()
    for number in range(4):
        store.write(lambda s, n=number: bury(s, clock, bytes([n])))  # type: ignore[misc]
        store.write(lambda s: data_messages.add(s, "prices", "smith", "{}", clock.now()))
    before = clock.now() - timedelta(days=age) + timedelta(seconds=1)
    kept = store.read(lambda s: retention.keep(s, before, keep))
    for table in ("dead_letters", "data_messages"):
        while store.write(lambda s, t=table: retention.forget_aged(s, t, kept, 1)):  # type: ignore[misc]
            pass
    letters = store.read(lambda s: dead_letters.newest(s, 10))
    assert [letter.size for letter in letters] == [1] * left
    (count,) = store.read(lambda s: s.all("SELECT COUNT(*) FROM data_messages"))
    assert count == (left,)


def test_one_that_is_discarded_is_gone(store: Store) -> None:
    store.write(lambda s: bury(s, FakeClock(), b"once"))
    (letter,) = store.read(lambda s: dead_letters.newest(s, 10))
    assert store.read(lambda s: dead_letters.get(s, letter.id))[1] == b"once"
    assert store.write(lambda s: dead_letters.discard(s, letter.id))
    assert not store.write(lambda s: dead_letters.discard(s, letter.id))

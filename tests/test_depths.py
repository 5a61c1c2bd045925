"""Only what grows at every look, and is deep, is worth an alert."""

from orchestration.depths import DEEP, RISES, Depths


def test_a_queue_that_only_grows_is_named_from_the_look_that_makes_it_sure() -> None:
    depths = Depths()
    looks = [depths.look({"a": DEEP + n, "b": n}) for n in range(RISES + 2)]
    assert looks == [{}] * RISES + [{"a": DEEP + RISES}, {"a": DEEP + RISES + 1}]


def test_one_look_without_growth_begins_anew() -> None:
    depths = Depths()
    for n in range(RISES):
        depths.look({"a": DEEP + n})
    assert depths.look({"a": DEEP + RISES - 1}) == {}
    assert depths.look({"a": 10 * DEEP}) == {}


def test_a_queue_that_could_not_be_seen_begins_anew() -> None:
    depths = Depths()
    for n in range(RISES):
        depths.look({"a": DEEP + n})
    depths.look({})
    assert depths.look({"a": 10 * DEEP}) == {}

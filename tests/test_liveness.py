from orchestration.liveness import LATE_AFTER_S, SILENT_AFTER_S, Observer


def test_a_beat_that_stands_still_for_long_enough_is_silence() -> None:
    observer = Observer()
    looks = [observer.look({"a": 7}, second) for second in range(14)]
    assert looks[: int(SILENT_AFTER_S)] == [set()] * int(SILENT_AFTER_S)
    assert looks[int(SILENT_AFTER_S)] == {"a"}
    assert looks[-1] == {"a"}


def test_each_beat_begins_the_watch_anew() -> None:
    observer = Observer()
    for second in range(12):
        observer.look({"a": 7}, second)
    assert observer.look({"a": 8}, 12) == set()
    assert observer.look({"a": 8}, 13) == set()


def test_silence_of_one_says_nothing_about_another() -> None:
    observer = Observer()
    for second in range(12):
        observer.look({"a": 7, "b": second}, second)
    assert observer.look({"a": 7, "b": 12}, 12) == {"a"}


def test_after_a_late_look_nobody_is_judged_by_what_was_seen_before() -> None:
    observer = Observer()
    observer.look({"a": 7}, 0)
    late = LATE_AFTER_S + 30
    assert observer.look({"a": 7}, late) == set()
    assert observer.look({"a": 7}, late + 1) == set()


def test_an_observer_that_is_always_late_accuses_nobody() -> None:
    observer = Observer()
    assert all(observer.look({"a": 7}, (LATE_AFTER_S + 1) * look) == set() for look in range(50))


def test_who_has_left_and_come_back_is_watched_from_the_start() -> None:
    observer = Observer()
    for second in range(12):
        observer.look({"a": 7}, second)
    observer.look({}, 12)
    assert observer.look({"a": 7}, 13) == set()


def test_who_begins_goes_on_from_what_others_have_seen() -> None:
    observer = Observer()
    assert observer.look({"a": 7, "b": 7}, 0, {"a": 9.0}) == set()
    assert observer.look({"a": 7, "b": 7}, 3, {"a": 9.0}) == {"a"}
    assert (observer.silent_s("a"), observer.silent_s("b")) == (12, 3)
    assert observer.still_s("a") == 3, "a death is proven by one pair of eyes"
    assert observer.look({"a": 8, "b": 7}, 4) == set()


def test_a_late_look_adds_nothing_to_what_others_have_seen() -> None:
    observer = Observer()
    observer.look({"a": 7}, 0, {"a": 6.0})
    assert observer.look({"a": 7}, LATE_AFTER_S + 30, {"a": 6.0}) == set()
    assert (observer.silent_s("a"), observer.still_s("a")) == (6, 0)

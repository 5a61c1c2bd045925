"""How long a thread has listened counts from its beginning, or from its last standstill."""

from datetime import timedelta

from orchestration.runtime.listening import Listening

SECOND = timedelta(seconds=1)


def test_it_is_told_at_once_and_then_every_five_seconds() -> None:
    listening = Listening()
    told = [listening.tell(100 + seconds) for seconds in range(12)]
    assert [span for span in told if span is not None] == [0 * SECOND, 5 * SECOND, 10 * SECOND]


def test_who_stood_still_has_listened_since_then_only() -> None:
    listening = Listening()
    assert [listening.tell(at) for at in (100, 110, 140, 145)] == [
        0 * SECOND,
        10 * SECOND,
        0 * SECOND,
        5 * SECOND,
    ]


def test_who_begins_anew_has_not_listened_before() -> None:
    listening = Listening()
    listening.tell(100)
    listening.begin()
    assert listening.tell(101) == 0 * SECOND

import numpy as np
import pytest

from trading.sessions import is_session, sessions
from trading.sources.embedded import EmbeddedSource

CLOSURES = [
    "2001-09-11",
    "2001-09-12",
    "2001-09-13",
    "2001-09-14",
    "2004-06-11",
    "2007-01-02",
    "2012-10-29",
    "2012-10-30",
    "2010-12-24",
    "2013-01-21",
]


@pytest.mark.parametrize("day", CLOSURES)
def test_unscheduled_and_scheduled_closures_are_known(day: str) -> None:
    assert not is_session(np.array([day], dtype="datetime64[D]"))[0]


def test_the_calendar_is_exactly_that_of_thirteen_years_of_trading(
    embedded: EmbeddedSource,
) -> None:
    (ibm,) = embedded.load(["IBM"]).bars
    assert np.array_equal(sessions(ibm.dates[0], ibm.dates[-1]), ibm.dates)


def test_no_days_are_no_sessions() -> None:
    assert len(is_session(np.array([], dtype="datetime64[D]"))) == 0

"""The days that are traded, and those that judge parameters learned on earlier days."""

from dataclasses import dataclass

WARM_UP_BARS = 80
IN_SAMPLE_PERIODS = 4


@dataclass(frozen=True, slots=True)
class Window:
    """Days of a panel's calendar, both included; orders are filled on these days only.

    The day before `first` is the eve: its close is the base of every return, and its signals may
    be filled at the first open.
    """

    first: int
    last: int

    @property
    def eve(self) -> int:
        """The day whose close is the base."""
        return self.first - 1

    @property
    def length(self) -> int:
        """The number of days."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Windows:
    """The validation period, and its division for a search.

    `divided` is None where the search learns on the bars before the validation period, else it
    says why the period itself had to be divided.
    """

    validation: Window
    in_sample: Window
    out_of_sample: Window
    divided: str | None


def divide(validation: Window) -> Windows:
    """Find the days to learn on and the days, later ones, to judge by.

    Learn on up to four times the validation period before it, leaving the first 80 days for the
    indicators to warm up, and judge on the whole period. With less than one period's length of
    such days, learn on the first two thirds of the period and judge on the last.
    """
    earliest = max(validation.first - IN_SAMPLE_PERIODS * validation.length, WARM_UP_BARS)
    earlier = validation.first - earliest
    if earlier >= validation.length:
        learning = Window(earliest, validation.first - 1)
        return Windows(validation, learning, validation, None)
    cut = validation.first + 2 * validation.length // 3
    reason = (
        f"only {max(earlier, 0)} days before the period's {validation.length}: "
        "its first two thirds were learned on, its last third judged"
    )
    in_sample = Window(validation.first, cut - 1)
    return Windows(validation, in_sample, Window(cut, validation.last), reason)

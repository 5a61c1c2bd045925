"""Results as curves: what a workflow declares as a plot, as paths in a drawing."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

from orchestration import paths
from orchestration.definitions import Plot
from orchestration.errors import RejectedError

WIDTH, HEIGHT, FALL_HEIGHT = 960, 220, 90
MOST_POINTS = 400
MOST_CURVES = 8
TICKS = 4
STEPS = (1, 2, 2.5, 5, 10)


class Point(NamedTuple):
    """One `x` of a plot, as text, and its value."""

    x: str
    y: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a drawing.

    Attributes:
        first: Its first value.
        last: Its last value.
        path: An SVG path.
        fall: An SVG path of the area between the curve and its highest value so far, or empty.
        deepest: The deepest fall, as a part of the highest value before it.
    """

    name: str
    first: float
    last: float
    path: str
    fall: str
    deepest: float


class Tick(NamedTuple):
    """A value on an axis and where it stands."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing `WIDTH` wide, the curves `HEIGHT` high and their falls `FALL_HEIGHT`.

    Attributes:
        begin: The first `x` of all.
        end: The last one.
    """

    title: str
    curves: tuple[Curve, ...]
    ticks: tuple[Tick, ...]
    falls: tuple[Tick, ...]
    begin: str
    end: str


def chart(plot: Plot, results: Iterable[Any]) -> Chart | None:
    """A plot of the results of its step; None where there is nothing to draw yet."""
    named: dict[str, list[Point]] = {}
    for number, result in enumerate(results):
        points = points_of(plot, result)
        if len(points) > 1 and len(named) < MOST_CURVES:
            named.setdefault(name_of(plot, result, number), points)
    if not named:
        return None
    values = [point.y for points in named.values() for point in points]
    falls = {name: falls_of(points) if plot.drawdown else [] for name, points in named.items()}
    deepest = min((fall for each in falls.values() for fall in each), default=0.0)
    every = sorted({point.x for points in named.values() for point in points})
    scale = Scale(
        {x: round(WIDTH * number / (len(every) - 1), 1) for number, x in enumerate(every)},
        Axis.of(min(values), max(values)),
        Axis.of(deepest, 0.0) if deepest < 0 else None,
    )
    return Chart(
        title=plot.title,
        curves=tuple(scale.curve(name, points, falls[name]) for name, points in named.items()),
        ticks=scale.up.ticks(HEIGHT, "{:,.6g}"),
        falls=scale.down.ticks(FALL_HEIGHT, "{:.3g} %", 100) if scale.down else (),
        begin=every[0],
        end=every[-1],
    )


def points_of(plot: Plot, result: Any) -> list[Point]:
    """The valid points in a result, thinned out where there are many."""
    found = found_at(result, plot.points)
    if not isinstance(found, list):
        return []
    good = [
        Point(str(each[plot.x]), float(each[plot.y]))
        for each in found
        if isinstance(each, Mapping) and plot.x in each and is_number(each.get(plot.y))
    ]
    step = max(1, math.ceil(len(good) / MOST_POINTS))
    return good[::step] if (len(good) - 1) % step == 0 else [*good[::step], good[-1]]


def is_number(value: Any) -> bool:
    """Whether a value can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def name_of(plot: Plot, result: Any, number: int) -> str:
    """The name of a curve."""
    found = found_at(result, plot.name) if plot.name else None
    return str(found) if isinstance(found, str | int) else f"{plot.step}[{number}]"


def found_at(result: Any, path: str) -> Any:
    """What is at a dotted path in a result; None: nothing."""
    try:
        return paths.look_up(f"parameters.{path}", result, lambda _: None)
    except RejectedError:
        return None


def falls_of(points: Sequence[Point]) -> list[float]:
    """How far each value is below the highest before it, as a part of that: 0 or less."""
    highest = accumulate((point.y for point in points), max)
    return [p.y / top - 1 if top > 0 else 0.0 for p, top in zip(points, highest, strict=True)]


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values to heights; its ends are round numbers."""

    low: float
    high: float
    step: float

    @classmethod
    def of(cls, low: float, high: float) -> "Axis":
        """The axis that these values need."""
        span = (high - low) or abs(high) or 1.0
        size: float = 10.0 ** math.floor(math.log10(span / TICKS))
        step = next(size * each for each in STEPS if size * each * TICKS >= span)
        bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
        return cls(bottom, top if top > bottom else bottom + step, step)

    def at(self, value: float, height: int) -> float:
        """Where a value stands, from above."""
        return round(height * (self.high - value) / ((self.high - self.low) or 1.0), 1)

    def ticks(self, height: int, form: str, times: int = 1) -> tuple[Tick, ...]:
        """Round values, the lowest first, written so many times as large."""
        count = round((self.high - self.low) / self.step)
        values = [self.low + self.step * number for number in range(count + 1)]
        return tuple(
            Tick(self.at(value, height), form.format(value * times + 0.0)) for value in values
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps points to places in a drawing.

    Attributes:
        across: Where each `x` stands.
        up: Where each value stands.
        down: Where each fall stands; None: there are none.
    """

    across: Mapping[str, float]
    up: Axis
    down: Axis | None

    def curve(self, name: str, points: Sequence[Point], falls: Sequence[float]) -> Curve:
        """One line, and the area of its falls."""
        fall = ""
        if self.down is not None:
            below = self._line(points, falls, self.down, FALL_HEIGHT)
            fall = f"{below}L{self.across[points[-1].x]} 0L{self.across[points[0].x]} 0Z"
        return Curve(
            name=name,
            first=points[0].y,
            last=points[-1].y,
            path=self._line(points, [point.y for point in points], self.up, HEIGHT),
            fall=fall,
            deepest=min(falls, default=0.0),
        )

    def _line(
        self, points: Sequence[Point], values: Sequence[float], axis: Axis, height: int
    ) -> str:
        pairs = zip(points, values, strict=True)
        return "M" + "L".join(f"{self.across[p.x]} {axis.at(v, height)}" for p, v in pairs)

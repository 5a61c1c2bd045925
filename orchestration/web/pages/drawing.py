"""Small drawings: how much waited over a day, how many runs ended in each hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from orchestration.views.depths import Depth
from orchestration.views.overview import HourOfRuns
from orchestration.views.timeline import Timeline
from orchestration.web.pages.words import span

SPARK_WIDTH, SPARK_HEIGHT = 192, 28
BARS_WIDTH, BARS_HEIGHT = 240, 96
MARKS = 4


@dataclass(frozen=True, slots=True)
class Spark:
    """A line and the area under it, as SVG paths; both empty where nothing is known."""

    line: str
    area: str
    highest: int
    known: bool


def spark(depth: Depth) -> Spark:
    """What waited over a day; the line has a gap where there was no sample."""
    top = max(depth.highest, 1)
    step = SPARK_WIDTH / (len(depth.values) - 1)
    runs: list[list[str]] = [[]]
    for number, value in enumerate(depth.values):
        if value is None:
            runs.append([])
        else:
            y = (SPARK_HEIGHT - 2) * (1 - value / top) + 1
            runs[-1].append(f"{number * step:.1f} {y:.1f}")
    pieces = [
        points if len(points) > 1 else [*points, wider(points[0])] for points in runs if points
    ]
    return Spark(
        line="".join("M" + "L".join(points) for points in pieces),
        area="".join(closed(points) for points in pieces),
        highest=depth.highest,
        known=depth.known,
    )


def wider(point: str) -> str:
    """A place beside a lone point, so that the point can be seen."""
    x, _, y = point.partition(" ")
    return f"{float(x) + 1:.1f} {y}"


def closed(points: Sequence[str]) -> str:
    """The area under a line."""
    first, last = points[0].partition(" ")[0], points[-1].partition(" ")[0]
    return f"M{'L'.join(points)}L{last} {SPARK_HEIGHT}L{first} {SPARK_HEIGHT}Z"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour; `x` and `width` of its slot."""

    x: float
    width: float
    title: str
    pieces: tuple[Piece, ...]


def bars(hours: Sequence[HourOfRuns]) -> list[Bar]:
    """A bar an hour, failures on top of what was completed."""
    top = max((hour.total for hour in hours), default=0) or 1
    width = BARS_WIDTH / len(hours)
    return [bar(hour, number * width, width, top) for number, hour in enumerate(hours)]


def bar(hour: HourOfRuns, x: float, width: float, top: int) -> Bar:
    """The bar of one hour."""
    pieces, y = [], float(BARS_HEIGHT)
    for kind in ("completed", "cancelled", "failed"):
        if number := getattr(hour, kind):
            height = max((BARS_HEIGHT - 2) * number / top, 1.5)
            y -= height
            pieces.append(Piece(kind, round(y, 1), round(height, 1)))
    more = "at least " if hour.capped else ""
    title = (
        f"from {hour.begin:%H:%M} UTC: {more}{hour.completed} completed,"
        f" {hour.failed} failed, {hour.cancelled} cancelled"
    )
    return Bar(round(x, 2), round(width, 2), title, tuple(pieces))


def marks(timeline: Timeline) -> list[str]:
    """The labels along the axis of a timeline, at equal distances."""
    length: timedelta = timeline.end - timeline.begin
    return ["0", *(span(length * number / MARKS) for number in range(1, MARKS + 1))]

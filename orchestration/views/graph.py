"""The steps of a run laid out as a graph: each step to the right of those that it needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestration.plans import Step
from orchestration.views.progress import StepPicture

WIDTH, HEIGHT = 216, 48
GAP_X, GAP_Y = 28, 18
MARGIN = 2
LONGEST_NAME, LONGEST_AGENT = 26, 32
SEVERAL = "several agents"


@dataclass(frozen=True, slots=True)
class Node:
    """One step; `x` and `y` are its upper left corner."""

    name: str
    short: str
    agent: str
    status: str
    fraction: float
    branches: int
    done: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Edge:
    """From a step to one that needs it: a curve as an SVG path."""

    source: str
    target: str
    path: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and edges on a plane of a width and a height."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int


def graph(steps: Sequence[Step], pictures: Sequence[StepPicture]) -> Graph:
    """Lay out the steps of a plan, each as its picture shows it."""
    shown = {picture.name: picture for picture in pictures}
    places = layout(steps)
    nodes = tuple(node(step, shown[step.name], places[step.name]) for step in steps)
    edges = tuple(
        Edge(need, step.name, curve(places[need], places[step.name]))
        for step in steps
        for need in reduced(step, steps)
    )
    columns = 1 + max(column for column, _ in places.values())
    lines = 1 + max(line for _, line in places.values())
    return Graph(
        nodes,
        edges,
        2 * MARGIN + columns * (WIDTH + GAP_X) - GAP_X,
        2 * MARGIN + int(lines * (HEIGHT + GAP_Y)) - GAP_Y,
    )


def node(step: Step, picture: StepPicture, place: tuple[int, float]) -> Node:
    """One step where it stands."""
    x, y = corner(place)
    return Node(
        name=step.name,
        short=shortened(step.name),
        agent=shortened(step.agents[0], LONGEST_AGENT) if len(step.agents) == 1 else SEVERAL,
        status=picture.status,
        fraction=picture.fraction,
        branches=len(picture.branches),
        done=picture.done,
        x=x,
        y=y,
    )


def layout(steps: Sequence[Step]) -> dict[str, tuple[int, float]]:
    """Column and line of each step: its column is to the right of all steps that it needs."""
    needs = {step.name: tuple(step.needs) for step in steps}
    columns: dict[str, int] = {}
    for name in needs:
        column_of(name, needs, columns)
    longest = max(sum(each == column for each in columns.values()) for column in columns.values())
    places: dict[str, tuple[int, float]] = {}
    for column in sorted(set(columns.values())):
        names = [name for name in needs if columns[name] == column]
        names.sort(key=lambda name: middle([places[need][1] for need in needs[name]]))
        for line, name in enumerate(names):
            places[name] = (column, line + (longest - len(names)) / 2)
    return places


def column_of(name: str, needs: Mapping[str, Sequence[str]], columns: dict[str, int]) -> int:
    """The column of a step: the length of the longest chain of steps before it."""
    if name not in columns:
        columns[name] = max((column_of(n, needs, columns) + 1 for n in needs[name]), default=0)
    return columns[name]


def middle(lines: Sequence[float]) -> float:
    """The best line for a step: in the middle of the steps that it needs."""
    return sum(lines) / len(lines) if lines else 0.0


def reduced(step: Step, steps: Sequence[Step]) -> list[str]:
    """The steps that a step needs directly: without those that another of them needs anyway."""
    direct = {each.name: set(each.needs) for each in steps}

    def before(name: str) -> set[str]:
        return direct[name].union(*(before(need) for need in direct[name]))

    implied = set[str]().union(*(before(need) for need in step.needs))
    return [need for need in step.needs if need not in implied]


def corner(place: tuple[int, float]) -> tuple[int, int]:
    """The upper left corner of a step."""
    column, line = place
    return MARGIN + column * (WIDTH + GAP_X), MARGIN + round(line * (HEIGHT + GAP_Y))


def curve(source: tuple[int, float], target: tuple[int, float]) -> str:
    """From the right of one step to the left of another."""
    (x1, y1), (x2, y2) = corner(source), corner(target)
    x1, y1, y2 = x1 + WIDTH, y1 + HEIGHT // 2, y2 + HEIGHT // 2
    bend = (x2 - x1) // 2
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """A text that fits in a node."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"

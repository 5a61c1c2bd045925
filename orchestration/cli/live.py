"""The live display of a run on a terminal."""

import json
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from orchestration.cli.displays import state_of
from orchestration.cli.following import Display
from orchestration.ports import Clock
from orchestration.state import StepStatus
from orchestration.text import printable
from orchestration.views.blocker import Blocker
from orchestration.views.progress import Branch, Picture, StepPicture, remaining

MARKS = {
    "completed": ("✔", "green"), "running": ("●", "cyan"), "failed": ("✘", "red"),
    "cancelled": ("✘", "red"), "skipped": ("-", "dim"), "backoff": ("↻", "yellow"),
    "waiting": ("◷", "yellow"), "queued": ("○", "cyan"), "ready": ("○", "cyan"),
    "held": ("○", "yellow"),
}  # fmt: skip
TO_COME = ("·", "dim")
BAR = 24
MOST_BRANCHES = 8
FRAMES_PER_SECOND = 10


class LiveDisplay(Display):
    """Redraws a run in place.

    Args:
        stream: The terminal.
        clock: The clock that the times of the run are by.
    """

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._clock = clock
        self._note: Blocker | None = None
        self._last: Picture | None = None
        self._live = Live(
            console=Console(file=stream), refresh_per_second=FRAMES_PER_SECOND, transient=False
        )

    @override
    def __enter__(self) -> Self:
        self._live.start()
        return self

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    @override
    def show(self, picture: Picture) -> None:
        """Draw the run as it is now."""
        if picture != self._last:
            self._last, self._note = picture, None
        self._live.update(draw(picture, self._clock.now(), self._note))

    @override
    def note(self, blocker: Blocker) -> None:
        """Say under the steps what the run waits for, until something changes."""
        self._note = blocker


def draw(picture: Picture, now: datetime, note: Blocker | None = None) -> RenderableType:
    """One frame: the run, its steps, and the branches of a step that fans out."""
    grid = Table.grid(padding=(0, 1))
    for step in picture.steps:
        grid.add_row(*step_line(step, now))
        if step.status == StepStatus.RUNNING and len(step.branches) > 1:
            for branch in shown(step):
                grid.add_row(*branch_line(branch))
    parts: list[RenderableType] = [head(picture, now), grid]
    if note is not None and note.kind != "running" and not picture.status.ended:
        parts.append(Text(printable(f"  {note}"), style="yellow"))
    return Group(*parts)


def head(picture: Picture, now: datetime) -> RenderableType:
    """The run itself."""
    mark, style = MARKS.get(picture.status, ("●", "cyan"))
    grid = Table.grid(padding=(0, 1))
    started = picture.started_at
    elapsed = (picture.ended_at or now) - started if started else None
    grid.add_row(
        Text(mark, style=style),
        Text(picture.run_id, style="bold"),
        Text(picture.status, style=style),
        ProgressBar(total=1.0, completed=picture.progress, width=BAR),
        Text(f"{picture.progress:4.0%}"),
        Text(times(picture.progress, elapsed, going=goes_on(picture)), style="dim"),
    )
    return grid


def step_line(step: StepPicture, now: datetime) -> list[RenderableType]:
    """One step."""
    mark, style = MARKS.get(step.status, TO_COME)
    started, begun = step.started_at, step.status in MARKS
    elapsed = (step.ended_at or now) - started if started else None
    going = step.status == StepStatus.RUNNING
    return [
        Text(f"  {mark}", style=style),
        Text(step.name, style="" if begun else "dim"),
        Text(state_of(step) if begun else "", style=style),
        ProgressBar(total=1.0, completed=step.fraction, width=BAR) if begun else Text(""),
        Text(f"{step.fraction:4.0%}" if begun else ""),
        Text(times(step.fraction, elapsed, going=going), style="dim", no_wrap=True),
        Text(printable(step.message), style="dim", no_wrap=True, overflow="ellipsis"),
    ]


def branch_line(branch: Branch) -> list[RenderableType]:
    """One branch of a step."""
    mark, style = MARKS.get(branch.status, TO_COME)
    item = json.loads(branch.item) if branch.item else branch.number
    return [
        Text(""),
        Text(printable(f"  {mark} {item}"), style=style, no_wrap=True, overflow="ellipsis"),
        Text(branch.status, style="dim"),
        ProgressBar(total=1.0, completed=branch.fraction, width=BAR),
        Text(f"{branch.fraction:4.0%}"),
        Text(""),
        Text(printable(branch.message), style="dim", no_wrap=True, overflow="ellipsis"),
    ]


def shown(step: StepPicture) -> list[Branch]:
    """The branches that get a line: all, or if they are many the first unfinished ones."""
    if len(step.branches) <= MOST_BRANCHES:
        return list(step.branches)
    running = [b for b in step.branches if b.status != StepStatus.COMPLETED]
    return running[:MOST_BRANCHES]


def goes_on(picture: Picture) -> bool:
    """Whether a step runs: the length of a wait cannot be estimated from the work before it."""
    return any(step.status == StepStatus.RUNNING for step in picture.steps)


def times(fraction: float, elapsed: timedelta | None, *, going: bool) -> str:
    """The time that it took or has taken and, while it goes on, an estimate of the rest."""
    if elapsed is None:
        return ""
    left = remaining(fraction, elapsed) if going else None
    return seconds(elapsed) + (f", {seconds(left)} left" if left else "")


def seconds(length: timedelta) -> str:
    """A short duration with tenths, a long one in minutes."""
    total = max(length.total_seconds(), 0.0)
    return f"{total:.1f} s" if total < 60 else f"{int(total) // 60}:{int(total) % 60:02d} min"  # noqa: PLR2004 - a minute

"""Displays of a run while it goes on: live on a terminal, line by line elsewhere, or none."""

import sys
import time
from importlib import import_module
from types import TracebackType
from typing import NamedTuple, Self

import click
from typing_extensions import override

from orchestration.cli.following import Display
from orchestration.ports import Clock
from orchestration.text import printable
from orchestration.views.blocker import Blocker
from orchestration.views.progress import TO_COME, Picture, StepPicture

CHATTER_EVERY_S = 1.0


def for_output(form: str, clock: Clock) -> Display:
    """The display that suits the terminal and the form of the output; JSON has stdout to itself.

    Args:
        form: `json` or `table`.
        clock: The clock that the times of the run are by.
    """
    stream = sys.stderr if form == "json" else sys.stdout
    if stream.isatty():
        live: Display = import_module("orchestration.cli.live").LiveDisplay(stream, clock)
        return live
    return Nothing() if form == "json" else Lines()


class Nothing(Display):
    """Shows nothing."""

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to end."""

    @override
    def __enter__(self) -> Self:
        return self

    @override
    def show(self, picture: Picture) -> None:
        """Show nothing."""

    @override
    def note(self, blocker: Blocker) -> None:
        """Say nothing."""


class Said(NamedTuple):
    """What was last printed of a step, and when."""

    state: str
    message: str
    at: float


class Lines(Nothing):
    """Prints one line a change."""

    def __init__(self) -> None:
        self._run = ""
        self._said: dict[str, Said] = {}
        self._note = ""

    @override
    def show(self, picture: Picture) -> None:
        """Print what has changed since the last time."""
        if not picture.status.ended:
            self._show_run(picture)
        for step in picture.steps:
            self._show_step(step)
        self._show_run(picture)

    @override
    def note(self, blocker: Blocker) -> None:
        """Print what the run waits for, once."""
        if blocker.kind != "running" and self._note != str(blocker):
            self._note = str(blocker)
            click.echo(f"  {printable(str(blocker))}")

    def _show_run(self, picture: Picture) -> None:
        run = f"{picture.run_id}  {picture.status}"
        if run != self._run:
            self._run = run
            click.echo(f"{run}  {picture.progress:.0%}")

    def _show_step(self, step: StepPicture) -> None:
        said = self._said.get(step.name, Said(TO_COME, "", 0.0))
        state, now = state_of(step), time.monotonic()
        news = state != said.state
        chatter = step.message != said.message and now - said.at >= CHATTER_EVERY_S
        if news or chatter:
            self._said[step.name] = Said(state, step.message, now)
            click.echo(f"  {step.name}  {state}  {printable(step.message)}".rstrip())


def state_of(step: StepPicture) -> str:
    """A step's status, with its branches where it has several."""
    if len(step.branches) <= 1:
        return step.status
    return f"{step.status} {step.done}/{len(step.branches)}"

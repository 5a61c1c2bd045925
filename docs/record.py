"""Writes `docs/run.svg`: what a terminal shows of a real run, slowed down."""

import tempfile
from contextlib import closing
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console
from typing_extensions import override

from orchestration.cli.following import Display, follow
from orchestration.cli.live import draw
from orchestration.cli.starting import make_wish, started
from orchestration.clock import SystemClock
from orchestration.settings import load
from orchestration.store.connect import open_store
from orchestration.views.blocker import Blocker
from orchestration.views.progress import Picture

PICTURE = Path(__file__).with_name("run.svg")
WORKFLOW = "validate_algorithms"
COLUMNS = 118
SLOWER = 6
LAST_S = 4.0

FRAME = """<g class="frame {unique_id}">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>{lines}</defs>
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</g>
"""  # noqa: E501 - one declaration
PAGE = """<svg viewBox="0 0 {{width}} {{height}}" xmlns="http://www.w3.org/2000/svg">
<style>
.{{unique_id}}-title {{{{ font: bold 18px sans-serif; }}}}
.frame {{{{ opacity: 0; animation: {length:.1f}s steps(1, end) infinite; }}}}
.frame:last-of-type {{{{ opacity: 1; }}}}
{keyframes}
</style>
{{chrome}}
{frames}</svg>
"""


class Shot(NamedTuple):
    """What was to be seen from a moment on."""

    at: datetime
    picture: Picture


class Camera(Display):
    """Keeps each picture that differs from the one before."""

    def __init__(self) -> None:
        self.shots: list[Shot] = []

    @override
    def __enter__(self) -> Self:
        return self

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to put away."""

    @override
    def show(self, picture: Picture) -> None:
        """Keep it if it is new."""
        if not self.shots or self.shots[-1].picture != picture:
            self.shots.append(Shot(SystemClock().now(), picture))

    @override
    def note(self, blocker: Blocker) -> None:
        """A run that has all it needs waits for nothing."""


def record() -> list[Shot]:
    """Run the command, and keep what its display was given."""
    camera = Camera()
    with tempfile.TemporaryDirectory() as home:
        settings = load({"ORCHESTRATION_HOME": home})
        opened = open_store(settings.store_url)
        wish = make_wish(WORKFLOW, (), None, settings)
        with closing(opened.store), started(wish, opened) as begun:
            follow(opened, begun.run_id, camera)
    return camera.shots


def svg(shots: list[Shot]) -> str:
    """The pictures as one animation; without animation the last one is to be seen."""
    first, last = shots[0].at, shots[-1].at
    length = seconds(last - first) * SLOWER + LAST_S
    keyframes, frames = [], []
    for number, (shot, after) in enumerate(zip(shots, [*shots[1:], None], strict=True)):
        begin = seconds(shot.at - first) * SLOWER / length
        end = seconds(after.at - first) * SLOWER / length if after else 1
        steps = f"0% {{ opacity: 0 }} {begin:.1%} {{ opacity: 1 }} {end:.1%} {{ opacity: 0 }}"
        if number == 0:
            steps = f"0% {{ opacity: 1 }} {end:.1%} {{ opacity: 0 }}"
        keyframes.append(f"@keyframes f{number} {{ {steps} }}")
        keyframes.append(f".f{number} {{ animation-name: f{number} }}")
        frames.append(export(shot, FRAME, f"f{number}"))
    quoted = ("\n".join(text).replace("{", "{{").replace("}", "}}") for text in (keyframes, frames))
    rules, drawn = quoted
    page = PAGE.format(length=length, keyframes=rules, frames=drawn)
    return export(shots[-1], page, "page")


def export(shot: Shot, template: str, name: str) -> str:
    """One picture in a template of rich's."""
    console = Console(record=True, file=StringIO(), width=COLUMNS, force_terminal=True)
    console.print(f"$ orchestrate run {WORKFLOW}", style="bold", highlight=False)
    console.print(draw(shot.picture, shot.at))
    return console.export_svg(title="", code_format=template, unique_id=name)


def seconds(span: timedelta) -> float:
    """A span as a number."""
    return span.total_seconds()


if __name__ == "__main__":
    PICTURE.write_text(svg(record()), encoding="utf-8")

"""How a run is shown while it goes on, and its result when it has ended."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console, RenderableType

from orchestration.cli import displays, live, output, tables
from orchestration.cli.displays import Lines, Nothing, for_output
from orchestration.cli.following import Silence
from orchestration.clock import SystemClock
from orchestration.state import RunStatus
from orchestration.views.blocker import Blocker
from orchestration.views.progress import Branch, Picture, StepPicture

CLOCK = SystemClock()
NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)
START = NOW - timedelta(seconds=30)
BLOCKER = Blocker("approval", "it waits for you", "approve it")


def branch(number: int, status: str = "running", fraction: float = 0.5) -> Branch:
    return Branch(number, status, fraction, f"message {number}", f'"item {number}"')


def step(name: str, status: str = "running", *branches: Branch, message: str = "") -> StepPicture:
    ended = NOW if status == "completed" else None
    began = None if status == "to come" else START
    return StepPicture(name, "agent", status, 0.5, message, began, ended, branches)


def picture(*steps: StepPicture, status: RunStatus = RunStatus.RUNNING) -> Picture:
    ended = NOW if status.ended else None
    return Picture("job_1", "job", status, 0.5, START, ended, steps)


def text(renderable: RenderableType, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def test_a_frame_shows_steps_branches_times_and_messages() -> None:
    fan_out = step("working", "running", branch(0, "completed", 1.0), branch(1), message="hello")
    frame = text(live.draw(picture(fan_out, step("adding_up", "to come")), NOW))

    assert "job_1" in frame
    assert "50%" in frame
    assert "30.0 s, 30.0 s left" in frame
    assert "running 1/2" in frame
    assert "hello" in frame
    assert "✔ item 0" in frame
    assert "message 1" in frame
    assert "· adding_up" in frame


def test_a_frame_says_what_the_run_waits_for() -> None:
    waiting = picture(step("asked", "waiting"), status=RunStatus.WAITING)
    assert "it waits for you: approve it" in text(live.draw(waiting, NOW, BLOCKER))
    ended = picture(step("asked", "completed"), status=RunStatus.COMPLETED)
    assert "it waits" not in text(live.draw(ended, NOW, BLOCKER))


def test_a_wide_fan_out_shows_what_is_not_done() -> None:
    branches = [branch(n, "completed" if n < 95 else "running") for n in range(100)]
    lines = text(live.draw(picture(step("working", "running", *branches)), NOW))
    assert "running 95/100" in lines
    assert "item 95" in lines
    assert "item 94" not in lines


def test_long_durations_are_in_minutes() -> None:
    assert live.times(0.5, timedelta(minutes=2), going=True) == "2:00 min, 2:00 min left"
    assert live.times(1.0, timedelta(seconds=3.21), going=False) == "3.2 s"
    assert live.times(0.5, None, going=True) == ""
    assert live.times(0.5, timedelta(minutes=2), going=False) == "2:00 min"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_live_display_draws_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    display = for_output("table", CLOCK)
    with display:
        display.show(picture(step("working")))
        display.note(BLOCKER)
        display.show(picture(step("working")))
        display.show(picture(step("working", "completed"), status=RunStatus.COMPLETED))
    assert "working" in terminal.getvalue()
    assert "job_1" in terminal.getvalue()


def test_json_keeps_standard_output_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert type(for_output("json", CLOCK)) is Nothing
    with for_output("json", CLOCK) as display:
        display.show(picture(step("working")))
        display.note(BLOCKER)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert isinstance(for_output("table", CLOCK), Lines)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: at[0])
    return at


def test_lines_are_printed_once_a_change(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Lines()
    two = step("working", "running", branch(0), branch(1), message="a")
    for _ in range(2):
        lines.show(picture(two, step("later", "to come")))
    assert capsys.readouterr().out.splitlines() == [
        "job_1  running  50%",
        "  working  running 0/2  a",
    ]

    lines.show(picture(step("working", "running", branch(0), branch(1), message="b")))
    assert capsys.readouterr().out == ""
    clock[0] += displays.CHATTER_EVERY_S
    lines.show(picture(step("working", "running", branch(0), branch(1), message="c")))
    assert capsys.readouterr().out == "  working  running 0/2  c\n"

    lines.note(BLOCKER)
    lines.note(BLOCKER)
    lines.note(Blocker("running", "it runs", "wait"))
    assert capsys.readouterr().out == "  it waits for you: approve it\n"

    lines.show(picture(step("working", "completed"), status=RunStatus.COMPLETED))
    assert capsys.readouterr().out.splitlines() == [
        "  working  completed",
        "job_1  completed  50%",
    ]


def test_silence_is_told_now_and_then(clock: list[float]) -> None:
    silence = Silence()
    assert not silence.lasts(changed=False)
    clock[0] += 2
    assert silence.lasts(changed=False)
    assert not silence.lasts(changed=False)
    clock[0] += 2
    assert not silence.lasts(changed=True)


@pytest.mark.parametrize(
    ("value", "shows"),
    [
        (None, "-"),
        (True, "yes"),
        (26549, "26549"),
        (1.23456, "1.235"),
        (123456.789, "123,456.79"),
        ("a\nb", "a b"),
        ("2025-01-01T12:00:00.123+00:00", "2025-01-01 12:00:00"),
        ([1, "x", None], "1, x, -"),
        (list(range(20)), "… 20 in all"),
        ({"a": {}}, "-"),
        ({"a": []}, "-"),
    ],
)
def test_a_value_is_shown_in_one_line(value: Any, shows: str) -> None:
    assert shows in text(tables.document(value)).strip()


def test_objects_with_the_same_keys_stand_side_by_side() -> None:
    result = {
        "strategies": {
            "one": {"score": 1.0, "inner": {"trades": [{"a": 1}], "n": 2}},
            "two": {"score": 2.0, "inner": {"trades": [], "n": None}},
        },
        "seed": 0,
        "findings": [{"kind": "gap", "at": "x"}],
        "mixed": [{"a": {"b": 1}}, [1]],
    }
    lines = [line.split() for line in text(tables.document(result)).splitlines()]
    assert lines[0] == ["seed", "0"]
    assert ["one", "two"] in lines
    assert ["score", "1", "2"] in lines
    assert ["n", "2", "-"] in lines[lines.index(["inner"]) :]
    assert ["trades", "1", "entry", "-"] in lines[lines.index(["inner"]) :]
    assert ["kind", "at"] in lines
    assert ["gap", "x"] in lines


COLUMNS = ("name", "metrics", "paused_by")


def test_what_is_nested_in_a_listing_is_counted_and_not_denied() -> None:
    told = text(tables.listing([{"name": "a", "metrics": {"load": 1}, "paused_by": []}], COLUMNS))
    assert told.split() == [*("name", "metrics", "paused", "by"), *("a", "1", "entry", "-")]


def test_an_empty_listing_says_so() -> None:
    assert text(tables.listing([], ["a"])).strip() == "nothing to show"


def test_keys_are_left_out_wherever_they_stand() -> None:
    value = {"a": [{"x": 1, "b": 2}], "x": 3}
    assert output.without(value, frozenset({"x"})) == {"a": [{"b": 2}]}

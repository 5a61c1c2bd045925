"""Nothing that a message, an agent or a vendor says steers the terminal of who reads it."""

import io
import json
import re

import pytest
from rich.console import Console

from orchestration.cli import doctor, ending, exits, live
from orchestration.cli.displays import Lines
from orchestration.client import Client
from orchestration.doctor.finding import Finding, Level
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.errors import StateError
from orchestration.views.blocker import Blocker
from tests.cli.conftest import Cli
from tests.cli.test_dead_letters import bury, envelope
from tests.cli.test_displays import NOW, picture, step

HOSTILE = "disk full\x1b[2K\x1b[1A all done\x1b]52;c;QQ==\x07\x9b31m\r\u202e\x7f\b"
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
BLOCKER = Blocker("agent", HOSTILE, HOSTILE)


def test_a_dead_letter_is_shown_and_steers_nothing(cli: Cli, client: Client) -> None:
    letter = bury(client.engine, envelope("command", {HOSTILE: [HOSTILE]}), detail=HOSTILE)
    shown = cli("dead-letters", "show", str(letter)).stdout
    assert "disk full" in shown
    assert not STEERS.search(shown)
    found = cli("dead-letters", "show", str(letter), "-o", "json").stdout
    assert not STEERS.search(found)
    assert json.loads(found)["body"]["payload"] == {HOSTILE: [HOSTILE]}, "for programs as it is"


def test_a_run_is_shown_and_steers_nothing(cli: Cli, engine: Engine, client: Client) -> None:
    run_id = client.start("job", {"items": [HOSTILE], "label": HOSTILE}).workflow_id
    engine.cancel(run_id, By("ann", HOSTILE))
    for words in (
        ("workflows", "show", run_id),
        ("workflows", "why", run_id),
        ("workflows", "list"),
        ("workflows", "export", run_id),
        ("events",),
    ):
        shown = cli(*words).stdout
        assert not STEERS.search(shown), words
    assert "disk full" in cli("workflows", "show", run_id).stdout


def test_a_run_is_followed_and_steers_nothing(cli: Cli) -> None:
    given = json.dumps({"items": [HOSTILE]})
    shown = cli("run", "job", "--json", "-", stdin=given).output
    assert "disk full" in shown
    assert not STEERS.search(shown)


def test_what_is_printed_line_by_line_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    display = Lines()
    display.show(picture(step("working", message=HOSTILE)))
    display.note(BLOCKER)
    ending.tell_people({"status": "failed", "workflow_id": "job_1", "error_messages": [HOSTILE]})
    exits.complain(StateError(HOSTILE))
    doctor.tell(Finding(check="clocks", level=Level.WARNING, what=HOSTILE, cure=HOSTILE))
    shown = capsys.readouterr()
    assert shown.out.count("disk full") >= 4
    assert "disk full" in shown.err
    assert not STEERS.search(shown.out + shown.err)


def test_a_frame_of_the_live_display_steers_nothing() -> None:
    frame = live.draw(picture(step("working", message=HOSTILE)), NOW, BLOCKER)
    console = Console(file=io.StringIO(), width=200, color_system=None)
    with console.capture() as captured:
        console.print(frame)
    assert "disk full" in captured.get()
    assert not STEERS.search(captured.get())

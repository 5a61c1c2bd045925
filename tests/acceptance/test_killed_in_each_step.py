"""`kill -9` of an embedded run in every step, then `serve`: it completes, nothing runs twice."""

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.checker import Promise, complaints
from tests.acceptance.processes import Process, Processes, Workplace
from tests.acceptance.promises import DELIVERED, MODULE, RETURNED, VALIDATED, VALIDATION
from tests.acceptance.witness import KILLED, START, TOLD, VARIABLE, Line, Witness
from tests.acceptance.witnessed import HOLD
from tests.eventually import eventually

ORCHESTRATE = (sys.executable, "-m", "orchestration")
PARCELS = {"parcels": [1, 2, 3]}
UNDO = tuple(f"undo.{step}" for step in reversed(RETURNED.undone))
CASES = {
    "validate_algorithms": (VALIDATION, VALIDATED, tuple(VALIDATED.needs)),
    "delivery": (PARCELS, DELIVERED, tuple(DELIVERED.needs)),
    "delivery that is undone": (PARCELS | {"refused": True}, RETURNED, ("delivering", *UNDO)),
}


def started(witness: Witness, step: str) -> list[Line]:
    return [line for line in witness.lines() if (line.what, line.step) == (START, step)]


def kill_in(step: str, process: Process, witness: Witness) -> str:
    """Kill a process once it is in a step; the run that it worked for."""
    eventually(lambda: process.ended is not None or started(witness, step), within=20)
    assert process.ended is None, process.output
    process.tell(signal.SIGKILL)
    process.wait(within=5)
    witness.write(Line(KILLED, pid=process.pid))
    return started(witness, step)[-1].run


def show(processes: Processes, workplace: Workplace, run: str, output: str) -> str:
    words = ("workflows", "show", run, "--output", output)
    code, told = processes.run(workplace, *ORCHESTRATE, *words)
    assert code == 0, told
    return told


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_is_killed_in_each_of_its_steps_completes(
    case: str, processes: Processes, witness: Witness, tmp_path: Path
) -> None:
    parameters, promise, steps = CASES[case]
    free = Workplace(tmp_path / "home", app=MODULE, more={VARIABLE: str(witness.path)})
    held = [replace(free, more={**free.more, HOLD: step}) for step in steps]
    given = tmp_path / "parameters.json"
    given.write_text(json.dumps(parameters))
    words = ("run", case.split(maxsplit=1)[0], "--json", str(given))
    killed = processes.start(held[0], *ORCHESTRATE, *words)
    run = kill_in(steps[0], killed, witness)
    for step, workplace in zip(steps[1:], held[1:], strict=True):
        kill_in(step, processes.start(workplace, *ORCHESTRATE, "serve"), witness)
    serve = processes.start(free, *ORCHESTRATE, "serve")

    def story() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(show(processes, free, run, "json"))
        return found if found["status"] in {"completed", "failed"} else {}

    told = eventually(story, within=20)
    witness.write(Line(TOLD, run, told["status"]))
    serve.tell(signal.SIGTERM)
    assert serve.wait(within=15) == 0
    assert complaints(witness.lines(), {run: promise}) == []
    check_story(told, killed.pid, steps, promise)
    page = show(processes, free, run, "table")
    assert all(step in page for step in promise.needs)
    assert "WorkerLost" in page


def check_story(story: dict[str, Any], pid: int, steps: tuple[str, ...], promise: Promise) -> None:
    """Every death stands in the story, with who died, and where."""
    for step in steps:
        rows = [row for row in story["steps"] if row["step"] == step]
        lost = [a for row in rows for a in row["attempts"] if a["outcome"] == "lost"]
        assert lost, step
        assert all("died while it held this attempt" in a["error"]["message"] for a in lost)
        if step == steps[0]:
            assert {attempt["worker"]["pid"] for attempt in lost} == {pid}
    assert story["status"] == promise.outcome

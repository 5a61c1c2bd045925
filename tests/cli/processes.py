"""The command line in separate processes."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from orchestration.client import Client
from orchestration.state import StepStatus
from orchestration.store import runs, steps
from orchestration.store.runs import RunRow
from orchestration.store.steps import StepRow
from tests.eventually import eventually

APP = "tests.cli.sample"
ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0
REMOVED = ("RABBITMQ_URL", "CLOUDAMQP_URL", "RABBITMQ_HOST", "DATABASE_URL")


class Processes(ExitStack):
    """Starts `orchestrate` in processes over one store, and leaves none of them behind.

    Args:
        home: The store's directory.
    """

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home

    def __enter__(self) -> Self:
        return self

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[str]":
        """Start `orchestrate` with these words."""
        inherited = {k: v for k, v in os.environ.items() if k not in REMOVED}
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration", *words],
            cwd=ROOT,
            env=inherited
            | {
                "PYTHONPATH": str(ROOT),
                "ORCHESTRATION_HOME": str(self._home),
                "ORCHESTRATION_APP": APP,
            }
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.enter_context(process)
        self.callback(process.kill)
        return process

    def serve(self) -> "subprocess.Popen[str]":
        """Start `orchestrate serve`, and wait until it is ready."""
        process = self.start("serve")
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(f"serving 1 agent of {APP};"):
                return process
        raise AssertionError(f"serve ended with {process.wait()}")

    def run(self, *words: str, code: int = 0) -> str:
        """Run `orchestrate` to its end, and return its standard output."""
        process = self.start(*words)
        output, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == code, errors
        return output


def end(process: "subprocess.Popen[str]", *signals: signal.Signals) -> tuple[int, str]:
    """Send signals to a process, and wait; return its exit code and its standard error."""
    for number in signals:
        process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, errors


def newest(client: Client) -> RunRow:
    """The newest run, once there is one."""
    found = eventually(
        lambda: client.engine.store.read(lambda s: runs.newest(s, 1)),
        within=PATIENCE_S,
        what="a run is there",
    )
    return found[0]


def reaches(client: Client, run_id: str, step: str, status: StepStatus) -> StepRow:
    """The first branch of a step, once it has a status."""

    def look() -> list[StepRow]:
        return client.engine.store.read(lambda s: steps.in_status(s, run_id, step, status))

    return eventually(look, within=PATIENCE_S, what=f"{step} is {status}")[0]

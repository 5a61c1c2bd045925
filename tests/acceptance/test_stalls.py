"""Every way in which a run stands still, made from outside: `why` names it, and the cure.

Nothing here writes the store behind the engine's back: processes are started, stopped, drained,
killed and cut off, people pause and cancel, queues are emptied by others.
"""

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pika
import psutil
import pytest
from click.testing import CliRunner

from orchestration.cli.root import root
from orchestration.client import Client
from tests.acceptance.cable import Cable
from tests.acceptance.processes import Process, Processes, Workplace, freeze, processes_in
from tests.acceptance.stalled import app
from tests.bus.peer import Peer
from tests.eventually import eventually

MODULE = "tests.acceptance.stalled"
BEFORE = "tests.acceptance.stalled_before"
PATIENCE_S = 40.0
SLOTS = {"MAX_CONCURRENT_WORKFLOWS": "2"}
HOLD = """
import sys, time
from pathlib import Path
from orchestration.store.lock import WriteLock
WriteLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(600)
"""

Json = dict[str, Any]
Enter = Callable[[Workplace], None]


def orchestrate(*words: str) -> str:
    """Run `orchestrate` in this process, with the settings that the test has entered."""
    result = CliRunner().invoke(root, words, prog_name="orchestrate")
    assert result.exit_code == 0, result.output
    return result.stdout


def why(run_id: str) -> Json:
    found: Json = json.loads(orchestrate("workflows", "why", run_id, "-o", "json"))
    return found


def stalls(run_id: str, kind: str, *says: str) -> Json:
    """What `why` says of a run, once it is of this kind and says all of this."""

    def look() -> Json:
        found = why(run_id)
        line = f"{found['what']}: {found['cure']}"
        return found if found["kind"] == kind and all(each in line for each in says) else {}

    return eventually(look, within=PATIENCE_S, what=f"{kind}: {says}")


class Stage:
    """A served fleet, and a gate at which its steps wait."""

    def __init__(self, place: Workplace, processes: Processes, gate: Path) -> None:
        self.place = place
        self.gate = gate
        self._processes = processes
        self._client = Client(app=app)

    def start(self, name: str) -> str:
        return self._client.start(name, {"path": str(self.gate)}).workflow_id

    def cancel(self, run_id: str) -> None:
        self._client.workflow(run_id).cancel()

    def ended(self, run_id: str) -> None:
        eventually(lambda: self._client.workflow(run_id).phase().ended, within=PATIENCE_S)

    def serve(self, module: str = MODULE) -> Process:
        """Start `orchestrate serve`, and return once it works."""
        place = Workplace(self.place.home, app=module, more=self.place.more)
        found = self._processes.start(place, sys.executable, "-m", "orchestration", "serve")
        eventually(lambda: "serving" in found.output, within=PATIENCE_S, what="serve")
        return found

    def dramatiq(self, *words: str) -> Process:
        """Start workers on RabbitMQ."""
        return self._processes.workers(self.place, MODULE, *words)

    def orchestrate(self, *words: str) -> Process:
        """Start `orchestrate` in a process of its own."""
        return self._processes.start(self.place, sys.executable, "-m", "orchestration", *words)

    def python(self, code: str, *words: str) -> Process:
        """Start a program."""
        return self._processes.start(self.place, sys.executable, "-c", code, *words)

    def newest(self) -> str:
        """The newest run."""
        found = json.loads(orchestrate("workflows", "list", "-o", "json"))
        return str(found[0]["id"]) if found else ""

    def begun(self, *names: str) -> list[str]:
        """Runs of which each works at the gate."""
        runs = [self.start(name) for name in names]
        for run_id in runs:
            stalls(run_id, "running", "25%")
        return runs

    def close(self) -> None:
        self._client.close()


@contextmanager
def staged(directory: Path, patch: pytest.MonkeyPatch, **more: str) -> Iterator[Stage]:
    """A stage of its own, on which nobody works yet."""
    place = Workplace(directory / "home", app=MODULE, more=SLOTS | more)
    for name in ("RABBITMQ_URL", "CLOUDAMQP_URL", "RABBITMQ_HOST", "DATABASE_URL"):
        patch.delenv(name, raising=False)
    for name, value in place.settings.items():
        patch.setenv(name, value)
    with ExitStack() as after, processes_in(directory / "logs") as processes:
        stage = Stage(place, processes, directory / "gate")
        after.callback(stage.close)
        yield stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with staged(tmp_path, monkeypatch) as found:
        yield found


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage on which one process serves everything, two runs at once."""
    with staged(tmp_path, monkeypatch) as found:
        found.serve()
        yield found


def test_a_fleet_that_works(served: Stage) -> None:
    """Whatever holds up a run of a healthy fleet is named, one after the other."""
    first, second = served.begun("gate", "gate")
    stalls(first, "running", "25% waiting for the file", f"workflows cancel {first}")
    third = served.start("gate")
    stalls(third, "behind_the_limit", f"all 2 slots are taken, by {first}, {second}", "MAX_CONC")

    orchestrate("workflows", "pause", third, "-y")
    stalls(third, "paused", f"orchestrate workflows resume {third}")
    for run_id in (first, second, third):
        served.cancel(run_id)
    stalls(first, "ended", "cancelled", f"orchestrate workflows retry {first}")

    asking = served.start("asking")
    stalls(asking, "approval", f"orchestrate workflows approve {asking} asked")
    failed = served.start("bad")
    stalls(failed, "ended", "ValueError: boom", f"orchestrate workflows retry {failed}")
    shaky = served.start("shaky")
    stalls(shaky, "backing_off", "failed once (ValueError: boom)", "tried again at 20")
    served.cancel(shaky)

    (narrow,) = served.begun("narrow")
    behind = served.start("narrow")
    stalls(behind, "agent_busy", "narrow is at its limit of 1 at once")
    for run_id in (narrow, behind):
        served.cancel(run_id)

    (undone,) = served.begun("undone")
    served.cancel(undone)
    stalls(undone, "ended", "cancelled by client", f"orchestrate workflows fork {undone}")


def test_an_agent_that_is_paused_and_a_fleet_that_is_stopped(served: Stage) -> None:
    (works,) = served.begun("undone")
    orchestrate("agents", "pause", "worker")
    waits = served.start("gate")
    stalls(waits, "agent_paused", "agent worker is paused", "orchestrate agents resume worker")
    stalls(works, "running")
    orchestrate("emergency", "stop", "--reason", "smoke")
    stalls(works, "emergency_stop", "smoke", "orchestrate emergency release")
    orchestrate("emergency", "release", "-y")
    stalls(works, "agent_paused", "undo.done")
    orchestrate("agents", "resume", "worker")
    stalls(works, "ended", "emergency stop by")


def test_nobody_there(stage: Stage) -> None:
    run_id = stage.start("gate")
    stalls(run_id, "no_worker", "no live worker serves worker", "`orchestrate serve`")


def test_a_worker_of_an_older_release(stage: Stage) -> None:
    server = stage.serve(BEFORE)
    run_id = stage.start("gate")
    stalls(run_id, "no_offer", "worker.wait@1", f":{server.pid}", "the release that has it")


def test_a_worker_that_drains(stage: Stage) -> None:
    server = stage.serve()
    (works,) = stage.begun("stubborn")
    server.tell(signal.SIGTERM)
    eventually(lambda: "draining" in orchestrate("workers", "list"), within=PATIENCE_S)
    waits = stage.start("elsewhere")
    stalls(waits, "no_worker", f":{server.pid} is draining, and takes nothing new")
    stalls(works, "running")


def test_a_worker_that_was_killed_in_a_step(stage: Stage) -> None:
    server = stage.serve()
    (run_id,) = stage.begun("gate")
    server.tell(signal.SIGKILL)
    said = f":{server.pid} died with step waiting, and no other lives"
    stalls(run_id, "no_worker", said, "`orchestrate serve`")


def test_a_run_that_was_left_by_ctrl_c(stage: Stage) -> None:
    words = ("run", "gate", "-p", f"path={stage.gate}", "-o", "json")
    process = stage.orchestrate(*words)
    run_id = eventually(stage.newest, within=PATIENCE_S)
    stalls(run_id, "running")
    process.tell(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130
    said = f":{process.pid} has ended, and left step waiting unfinished"
    stalls(run_id, "no_worker", said, "`orchestrate serve`")


def test_a_worker_that_stands_still(stage: Stage) -> None:
    """It may still act: what it holds is taken over, but no undo begins beside it."""
    server = stage.serve()
    works, undoes = stage.begun("gate", "stubborn")
    freeze(psutil.Process(server.pid))
    stage.cancel(undoes)
    wake = f"`kill -CONT {server.pid}`"
    stalls(works, "silent", "step waiting is held by worker", "25%", wake)
    stalls(undoes, "undo_waits", "clinging", "which may still act", f":{server.pid}, silent", wake)
    stage.cancel(works)
    waits = stage.start("gate")
    stalls(waits, "no_worker", f":{server.pid}, silent for", wake)
    server.tell(signal.SIGCONT)
    stalls(waits, "running")


def test_a_store_that_somebody_has_to_himself(stage: Stage) -> None:
    stage.serve()
    (run_id,) = stage.begun("gate")
    lock = next(stage.place.home.glob("*.lock"))
    holder = stage.python(HOLD, str(lock))
    eventually(lambda: "held" in holder.output, within=PATIENCE_S)
    asked = stage.orchestrate("workflows", "why", run_id)
    said = f"process {holder.pid} has the store to itself"
    eventually(lambda: said in asked.output, within=PATIENCE_S, what=said)
    holder.tell(signal.SIGKILL)
    assert asked.wait(PATIENCE_S) == 0
    stalls(run_id, "running")


@pytest.mark.rabbitmq
@pytest.mark.timeout(120)
def test_a_fleet_on_rabbitmq(vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One agent is served, another is not, a third is outside; then the broker itself goes."""
    with Cable(vhost) as cable:
        more = {"RABBITMQ_URL": cable.url, "OUTSIDE_AGENTS": "own_agent", "HEARTBEAT_INTERVAL": "2"}
        with staged(tmp_path, monkeypatch, **more, MAX_CONCURRENT_WORKFLOWS="9") as stage:
            worker = stage.dramatiq("-Q", "worker", "-p", "1", "-t", "2")
            (first,) = stage.begun("gate")
            elsewhere = stage.start("elsewhere")
            stalls(elsewhere, "no_worker", "no live worker serves other", "-Q other")
            outside = stage.start("outside")
            stalls(outside, "outside", "the outside agent own_agent", "nothing was heard of it")
            hear_of_own_agent(vhost)
            stalls(outside, "outside", "last heard of", "if nothing more is heard of it")
            stage.gate.touch()
            stalls(first, "ended")
            with thief_of("worker", vhost):
                stage.gate.unlink()
                stolen = stage.start("gate")
                stalls(stolen, "not_arriving", "was sent 2 times, and does not arrive", "RabbitMQ")
            cable.pull()
            late = stage.start("gate")
            stalls(late, "broker_away", "RabbitMQ at", "cannot be used")
            stalls(outside, "broker_away", "own_agent")
            assert worker.ended is None


def hear_of_own_agent(vhost: str) -> None:
    """Let the outside agent say, once, that it lives."""
    peer = Peer(vhost, "own_agent")
    peer.say("heartbeat", {"status": "running"})
    peer.close()


@contextmanager
def thief_of(queue: str, vhost: str) -> Iterator[None]:
    """Somebody who takes every message from a queue before its workers see it."""
    connection = pika.BlockingConnection(pika.URLParameters(vhost))
    done = threading.Event()
    first = {"x-priority": 10}
    connection.channel().basic_consume(queue, lambda *_: None, auto_ack=True, arguments=first)

    def steal() -> None:
        while not done.is_set():
            connection.process_data_events(time_limit=0.1)

    thread = threading.Thread(target=steal, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        connection.close()

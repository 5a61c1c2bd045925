"""Real processes: killed, interrupted, stopped; the runs go on."""

import json
import signal
import socket
from pathlib import Path

import pytest

from orchestration.cli.stacks import answer
from orchestration.client import Client
from orchestration.clock import SystemClock
from orchestration.desk.workers import ask_stacks
from orchestration.engine import By
from orchestration.errors import StateError
from orchestration.ports import Session
from orchestration.state import StepStatus
from orchestration.store import workers
from orchestration.store.workers import NewWorker
from tests.cli.processes import PATIENCE_S, Processes, end, newest, reaches
from tests.eventually import eventually

S = StepStatus


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


def test_a_run_that_was_killed_is_finished_by_serve(
    processes: Processes, client: Client, gate: Path
) -> None:
    victim = processes.start("run", "gate", "-p", f"path={gate}")
    run_id = newest(client).id
    reaches(client, run_id, "waiting", S.RUNNING)
    end(victim, signal.SIGKILL)
    assert "start one with `orchestrate serve`" in processes.run("workflows", "why", run_id)

    server = processes.serve()
    reaches(client, run_id, "waiting", S.RUNNING)
    gate.touch()
    processes.run("workflows", "watch", run_id)

    first, second = client.workflow(run_id).status()["steps"]
    assert (first["status"], first["attempt"], first["attempts"]) == ("completed", 1, [])
    assert (second["status"], second["attempt"]) == ("completed", 2)
    assert "died while it held" in processes.run("workflows", "show", run_id)
    assert end(server, signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("verb", ["serve", "web"])
def test_a_port_that_is_given_wins_over_that_of_the_environment(
    verb: str, processes: Processes, client: Client
) -> None:
    del client
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    environment = {"PORT": "1", "ORCHESTRATION_HOST": "127.0.0.1"}
    process = processes.start(verb, "--port", port, **environment)
    assert process.stderr is not None
    assert f"the console is at http://127.0.0.1:{port}" in process.stderr.readline()
    code, errors = end(processes.start(verb, "--port", port))
    assert code == 2
    assert "set PORT, --port or ORCHESTRATION_HOST" in errors
    assert end(process, signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT] * 3])
def test_ctrl_c_and_sigterm_detach_and_say_how_to_go_on(
    processes: Processes, client: Client, gate: Path, signals: list[signal.Signals]
) -> None:
    process = processes.start("run", "gate", "-p", f"path={gate}")
    run_id = newest(client).id
    reaches(client, run_id, "waiting", S.RUNNING)

    code, errors = end(process, *signals)

    assert code == 130
    assert f"`orchestrate workflows watch {run_id}`" in errors
    assert "`orchestrate serve` finishes it" in errors
    gate.touch()
    server = processes.serve()
    processes.run("workflows", "watch", run_id)
    waiting = client.workflow(run_id).status()["steps"][1]
    assert [attempt["outcome"] for attempt in waiting["attempts"]] == ["handed_over"]
    assert end(server, signal.SIGINT, signal.SIGTERM, signal.SIGINT)[0] == 0


def test_a_run_that_has_ended_does_not_wait_for_a_step_that_hangs(processes: Processes) -> None:
    process = processes.start("run", "hung")
    assert process.stdout is not None
    assert any("next: " in line for line in iter(process.stdout.readline, ""))
    assert process.wait(4) == 1


def test_beside_serve_run_is_its_client(processes: Processes, client: Client, gate: Path) -> None:
    server = processes.serve()
    process = processes.start("run", "gate", "-p", f"path={gate}")
    run_id = newest(client).id
    row = reaches(client, run_id, "waiting", S.RUNNING)
    (worker,) = client.workflow(run_id).status()["steps"][1:]
    assert worker["worker"]["pid"] == server.pid
    assert row.owner

    code, errors = end(process, signal.SIGINT)
    assert (code, "it goes on where it is worked on" in errors) == (130, True)

    watching = processes.start("workflows", "watch", run_id)
    assert watching.stdout is not None
    assert any("waiting" in line for line in iter(watching.stdout.readline, ""))
    assert end(watching, signal.SIGINT)[0] == 130

    gate.touch()
    assert "completed" in processes.run("workflows", "watch", run_id)
    assert end(server, signal.SIGTERM)[0] == 0


def test_serve_sees_what_others_send_and_ends_in_good_order(
    processes: Processes, client: Client, gate: Path
) -> None:
    server = processes.serve()
    assert "alive" in processes.run("workers", "list")
    run_id = processes.run("send", "gate", "-p", f"path={gate}").strip()
    reaches(client, run_id, "waiting", S.RUNNING)
    server.send_signal(signal.SIGTERM)
    gate.touch()

    code, errors = end(server, signal.SIGTERM)

    assert code == 0
    assert "Traceback" not in errors
    assert client.workflow(run_id).status()["status"] == "completed"


def test_an_approval_from_elsewhere_lets_a_lonely_run_go_on(
    processes: Processes, client: Client
) -> None:
    process = processes.start("run", "asking")
    run_id = newest(client).id
    reaches(client, run_id, "asked", S.WAITING)
    assert process.stdout is not None
    assert any("approve" in line for line in iter(process.stdout.readline, ""))

    processes.run("workflows", "approve", run_id, "--yes")

    assert process.wait(PATIENCE_S) == 0


def test_lonely_runs_beside_each_other_each_finish_their_own(
    processes: Processes, client: Client, gate: Path
) -> None:
    first = processes.start("run", "gate", "-p", f"path={gate}")
    reaches(client, newest(client).id, "waiting", S.RUNNING)
    assert "completed" in processes.run("run", "job")
    gate.touch()
    assert first.wait(PATIENCE_S) == 0


def test_a_cancelled_run_exits_1(processes: Processes, client: Client, gate: Path) -> None:
    process = processes.start("run", "gate", "-p", f"path={gate}", "-o", "json")
    run_id = newest(client).id
    reaches(client, run_id, "waiting", S.RUNNING)

    processes.run("workflows", "cancel", run_id, "--yes")

    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert '"status": "cancelled"' in output


def test_events_are_followed_until_ctrl_c(processes: Processes, client: Client) -> None:
    client.start("asking")
    for form, first in (("json", '{"id": 1'), ("table", "run.pending")):
        process = processes.start("events", "-f", "-o", form)
        assert process.stdout is not None
        assert first in process.stdout.readline()
        client.start("job")
        lines = iter(process.stdout.readline, "")
        assert eventually(lambda lines=lines: "job_" in next(lines), within=PATIENCE_S)  # type: ignore[misc]
        assert end(process, signal.SIGINT)[0] == 130


def test_a_worker_tells_where_its_threads_stand(
    processes: Processes, client: Client, gate: Path
) -> None:
    server = processes.serve()
    run_id = client.start("gate", {"path": str(gate)}).workflow_id
    reaches(client, run_id, "waiting", S.RUNNING)
    (worker,) = json.loads(processes.run("workers", "list", "-o", "json"))
    said = processes.run("workers", "stacks", worker["id"][:12])
    assert f"at {run_id}:waiting[0], attempt 1" in said.partition("\n")[0]
    assert ", in wait" in said.partition("\n\n")[0]
    assert "Thread" in said
    gate.touch()
    assert end(server, signal.SIGTERM)[0] == 0
    errors = processes.start("workers", "stacks", "nobody")
    assert "no worker is named 'nobody'" in errors.communicate(timeout=PATIENCE_S)[1]


def test_a_worker_that_does_not_answer_is_named(client: Client) -> None:
    def stand(session: Session) -> None:
        silent = NewWorker(
            id="silent", host="h", pid=1, release="1", offers=[], transport="embedded", slots={}
        )
        workers.join(session, silent, SystemClock().now())

    client.engine.store.write(stand)
    with pytest.raises(StateError, match="silent has not answered in 0 s"):
        answer(client.engine, ask_stacks(client.engine, "silent", By("ann")), 0.0)

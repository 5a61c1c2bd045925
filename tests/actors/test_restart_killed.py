"""`kill -9` of our process in the middle and at the end of each step: one clean restart."""

import json
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from rq.suspension import is_suspended

from actors.discovery.service import find_marked
from actors.workflows import restart_discovery_system
from orchestration import Client
from tests.acceptance.processes import Process, Processes, Workplace
from tests.actors import chores
from tests.actors.held import HOLD, REACHED
from tests.actors.rq_fleet import QUEUE, RQ, WITHIN, RqFleet
from tests.eventually import eventually

pytestmark = [pytest.mark.redis, pytest.mark.acceptance, pytest.mark.timeout(240)]
ORCHESTRATE = (sys.executable, "-m", "orchestration")
STEPS = [step.name for step in restart_discovery_system.steps]
GRACE = {"grace_seconds": 120, "strategy": "legacy_v0"}


class Site:
    """One store, one Redis server, and our processes one after the other."""

    def __init__(self, processes: Processes, home: Path, more: Mapping[str, str]) -> None:
        self._processes = processes
        self._reached = home / "reached"
        self._more = dict(more)
        self._home = home

    def workplace(self, held: str = "") -> Workplace:
        more = self._more | {HOLD: held, REACHED: str(self._reached)}
        return Workplace(self._home, app="tests.actors.held", more=more)

    def send(self, parameters: dict[str, Any]) -> str:
        """Start a run that nobody serves yet; its id."""
        file = self._home / "parameters.json"
        file.write_text(json.dumps(parameters))
        words = ("send", "restart_discovery_system", "--json", str(file), "--output", "json")
        code, told = self._processes.run(self.workplace(), *ORCHESTRATE, *words, within=WITHIN)
        assert code == 0, told
        return str(json.JSONDecoder().raw_decode(told)[0]["workflow_id"])

    def serve(self, held: str = "") -> Process:
        return self._processes.start(self.workplace(held), *ORCHESTRATE, "serve")

    def die_after(self, step: str) -> None:
        """Kill a process that has done a step's work and could not say so."""
        process = self.serve(step)
        self.die(process)

    def die(self, process: Process) -> None:
        """Kill a process once it has done the work of the step that it holds."""
        eventually(lambda: process.ended is not None or self._reached.exists(), within=60)
        assert process.ended is None, process.output
        kill(process)
        self._reached.unlink()

    def story(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("workflows", "show", run)
        return found

    def agents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("agents", "list")
        return found

    def _ask(self, *words: str) -> Any:
        asked = (*ORCHESTRATE, *words, "--output", "json")
        code, told = self._processes.run(self.workplace(), *asked, within=WITHIN)
        assert code == 0, told
        return json.loads(told)

    def ended(self, run: str) -> dict[str, Any]:
        """Its story, once it has one to the end."""
        found = self.story(run)
        return found if found["status"] in {"completed", "failed", "cancelled"} else {}

    def attempt(self, run: str, step: str) -> int:
        """The number of a step's present attempt."""
        (found,) = (row["attempt"] for row in self.story(run)["steps"] if row["step"] == step)
        return int(found)

    def result(self, run: str) -> dict[str, Any]:
        """What the run has come to."""
        with self.client() as client:
            found: dict[str, Any] = client.workflow(run).result()
            return found

    def client(self) -> Client:
        return Client(f"sqlite:///{self._home / 'orchestration.db'}")


def kill(process: Process) -> None:
    process.tell(signal.SIGKILL)
    process.wait(within=10)


@pytest.fixture
def site(rq: RqFleet, processes: Processes, tmp_path: Path) -> Site:
    command = shlex.join([RQ, "worker", QUEUE, "--url", rq.url])
    more = {"REDIS_URL": rq.url, "DISCOVERY_COMMAND": command}
    return Site(processes, tmp_path, more)


@pytest.fixture
def started() -> Iterator[list[str]]:
    """The runs whose started workers end with the test."""
    runs: list[str] = []
    yield runs
    for run in runs:
        pid = find_marked(f"{run}:restarting_discovery_service")
        if pid is not None:
            process = psutil.Process(pid)
            process.kill()
            eventually(lambda p=process: not p.is_running(), within=WITHIN)  # type: ignore[misc]


def test_a_restart_that_is_killed_everywhere_is_one_clean_restart(
    rq: RqFleet, site: Site, started: list[str]
) -> None:
    one = rq.worker("one")
    job, end = rq.busy("one")
    two = rq.worker("two")
    _, other_end = rq.busy("two")  # an idle one would still take the next job: RQ waits for one
    run = site.send(GRACE)
    started.append(run)
    waiting = site.serve()
    eventually(lambda: is_suspended(rq.redis), within=WITHIN)
    kill(waiting)
    late = rq.queue.enqueue(chores.note, str(end.with_name("note")))
    stopping = site.serve(STEPS[0])
    eventually(lambda: site.attempt(run, STEPS[0]) == 2, within=60)
    assert one.ended is None
    assert is_suspended(rq.redis)
    end.touch()
    other_end.touch()
    assert one.wait(within=WITHIN) == two.wait(within=WITHIN) == 0
    assert job.get_status() == "finished"
    site.die(stopping)
    for step in STEPS[1:]:
        site.die_after(step)
    serve = site.serve()
    story = eventually(lambda: site.ended(run), within=60)
    assert story["status"] == "completed", story
    serve.tell(signal.SIGTERM)
    assert serve.wait(within=30) == 0
    check(rq, site.result(run), late.id)


def test_a_restart_of_our_own_workers_that_is_killed_everywhere_leaves_none_paused(
    processes: Processes, tmp_path: Path
) -> None:
    site = Site(processes, tmp_path, {})
    run = site.send(GRACE)
    for step in STEPS:
        site.die_after(step)
    serve = site.serve()
    assert eventually(lambda: site.ended(run), within=60)["status"] == "completed"
    assert site.result(run)["active_strategy"] == "legacy_v0"
    assert not any(agent["paused"] for agent in site.agents())
    serve.tell(signal.SIGTERM)
    assert serve.wait(within=30) == 0


def test_a_restart_that_is_cancelled_while_it_waits_leaves_nothing_suspended(
    rq: RqFleet, site: Site
) -> None:
    one = rq.worker("one")
    _, end = rq.busy("one")
    run = site.send(GRACE)
    serve = site.serve()
    eventually(lambda: is_suspended(rq.redis), within=WITHIN)
    with site.client() as client:
        client.workflow(run).cancel("never mind")
    story = eventually(lambda: site.ended(run), within=60)
    assert story["status"] == "cancelled"
    assert not is_suspended(rq.redis)
    end.touch()
    eventually(lambda: rq.idle("one"), within=WITHIN)
    assert one.ended is None, "it was not told to end"
    serve.tell(signal.SIGTERM)
    assert serve.wait(within=30) == 0


def check(rq: RqFleet, result: dict[str, Any], removed: str) -> None:
    """Everybody was stopped once, the queue cleared once, one worker started and tried."""
    stopped, cleared, restarted = (result[name] for name in ("stopped", "cleared", "restarted"))
    assert [worker["name"] for worker in stopped["stopped"]] == ["one", "two"]
    assert stopped["stopped_jobs"] == stopped["dead"] == []
    assert cleared["jobs"]["queued"] == {"before": 1, "after": 0}
    assert cleared["removed_ids"] == [removed]
    (worker,) = restarted["workers"]
    assert rq.listed().keys() == {worker["name"]}
    assert restarted["pid"] == worker["pid"]
    assert restarted["probe"]["worker"] == worker["name"]
    assert (result["active_strategy"], result["before"]) == ("legacy_v0", None)
    assert not is_suspended(rq.redis)

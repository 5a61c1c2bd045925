"""The queue is cleared, workers are started, and one of them proves that it works."""

import pickle
import shlex
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from rq.suspension import is_suspended, suspend

from actors.discovery import rq_controller
from actors.discovery.errors import ServiceError
from actors.discovery.journal import Journal
from actors.discovery.service import Hook, Platform, Service, Subprocess, find_marked
from actors.errors import AbandonedError
from tests.actors import chores
from tests.actors.rq_fleet import QUEUE, RQ, WITHIN, Heard, RqFleet, context_of
from tests.eventually import eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.redis, pytest.mark.timeout(120)]
CLEARING, RESTARTING = "clearing_job_queue", "restarting_discovery_service"
KEY = f"restart_1:{RESTARTING}"
SOON = timedelta(seconds=3)
NOBODY: dict[str, Any] = {"stopped": []}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rq_controller, "COMES_WITHIN", SOON)
    monkeypatch.setattr(rq_controller, "PROBED_WITHIN", SOON)


def restart(rq: RqFleet, service: Service, stopped: dict[str, Any] | None = None) -> dict[str, Any]:
    Journal(rq.redis, "restart_1").reserve(SOON)
    suspend(rq.redis)
    return rq.controller(service).restart(context_of(RESTARTING), stopped or NOBODY)


def command(rq: RqFleet) -> tuple[str, ...]:
    return (RQ, "worker", QUEUE, "--url", rq.url)


@pytest.fixture
def leftover() -> Iterator[None]:
    """What a controller has started lives on: here it ends with the test."""
    yield
    pid = find_marked(KEY)
    if pid is not None:
        process = psutil.Process(pid)
        process.kill()
        eventually(lambda: not process.is_running(), within=WITHIN)


def test_every_place_is_cleared_or_kept_and_counted(rq: RqFleet) -> None:
    note = str(rq.home / "note")
    rq.worker("one")
    done = rq.queue.enqueue(chores.note, note)
    failed = rq.queue.enqueue(chores.note, str(rq.home / "no" / "such"))
    for job, status in ((done, "finished"), (failed, "failed")):
        eventually(lambda j=job, s=status: j.get_status() == s, within=WITHIN)  # type: ignore[misc]
    left, _ = rq.busy("one")
    waiting = rq.queue.enqueue(chores.note, note)
    rq.queue.enqueue(chores.note, note, depends_on=waiting)
    rq.queue.enqueue_in(timedelta(hours=1), chores.note, note)
    taken = rq.queue.enqueue(chores.note, note)
    rq.redis.lmove(rq.queue.key, rq.queue.intermediate_queue_key, "RIGHT", "LEFT")
    heard = Heard()
    answer = rq.controller().clear(context_of(CLEARING, heard))
    assert answer["jobs"] == {
        "queued": {"before": 1, "after": 0},
        "taken": {"before": 1, "after": 0},
        "scheduled": {"before": 1, "after": 0},
        "deferred": {"before": 1, "after": 0},
        "started": {"before": 1, "after": 0},
        "failed": {"before": 1, "after": 1},
        "finished": {"before": 1, "after": 1},
        "canceled": {"before": 0, "after": 0},
    }
    assert {waiting.id, taken.id, left.id} < set(answer["removed_ids"])
    assert [done for done, _ in heard.progress] == sorted(done for done, _ in heard.progress)
    again = rq.controller().clear(context_of(CLEARING))
    assert again == answer, "a repeated step reports what the first attempt found"


class Trap:
    """What runs code where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._file,)


def test_what_a_job_holds_is_never_unpickled(rq: RqFleet) -> None:
    trap = rq.home / "sprung"
    job = rq.queue.enqueue_in(timedelta(hours=1), chores.note, "-")
    held = pickle.dumps(Trap(trap))
    rq.redis.hset(job.key, mapping={"meta": held, "result": held, "data": held})
    pickle.loads(held)  # noqa: S301 - it is ours
    assert trap.exists(), "the trap works"
    trap.unlink()
    answer = rq.controller().clear(context_of(CLEARING))
    assert answer["jobs"]["scheduled"] == {"before": 1, "after": 0}
    assert not trap.exists()


def test_an_entry_without_its_job_is_removed_too(rq: RqFleet) -> None:
    job = rq.queue.enqueue_in(timedelta(hours=1), chores.note, "-")
    rq.redis.delete(job.key)
    answer = rq.controller().clear(context_of(CLEARING))
    assert answer["jobs"]["scheduled"] == {"before": 1, "after": 0}


def test_clearing_stops_when_its_claim_is_lost(rq: RqFleet) -> None:
    rq.queue.enqueue(chores.note, "-")
    with pytest.raises(AbandonedError):
        rq.controller().clear(context_of(CLEARING, Heard(cancelled=True)))
    assert rq.queue.count == 1


def test_a_process_is_started_once_however_often_the_step_is(rq: RqFleet, leftover: None) -> None:  # noqa: ARG001
    log = rq.home / "state" / "discovery.log"
    service = Subprocess(command(rq), log)
    answer = restart(rq, service)
    assert not is_suspended(rq.redis)
    assert answer["started_by"] == "subprocess"
    assert answer["pid"] == find_marked(KEY)
    assert [worker["pid"] for worker in answer["workers"]] == [answer["pid"]]
    assert answer["probe"]["worker"] == answer["workers"][0]["name"]
    again = restart(rq, service)
    assert again == answer | {"workers": again["workers"]}
    assert len(rq.listed()) == 1
    assert "probe" in log.read_text()


def test_a_platform_is_waited_for_until_as_many_are_back(rq: RqFleet) -> None:
    old = rq.worker("same name")
    old_self = rq.listed()["same name"].as_json()
    old.tell(signal.SIGINT)
    assert old.wait(within=WITHIN) == 0
    rq.worker("same name")
    rq.worker("another")
    stopped = {"stopped": [old_self, old_self | {"name": "another"}]}
    answer = restart(rq, Platform(), stopped)
    assert answer["expected"] == 2
    assert [worker["name"] for worker in answer["workers"]] == ["another", "same name"]
    assert answer["probe"]["status"] == "finished"


@pytest.mark.usefixtures("impatient")
def test_a_platform_that_starts_nobody_is_told_of(rq: RqFleet) -> None:
    with pytest.raises(ServiceError, match="no worker came to the queue discovery within 0:00:03"):
        restart(rq, Platform())
    assert not is_suspended(rq.redis)


@pytest.mark.usefixtures("impatient")
def test_fewer_workers_than_before_fail_the_step_until_the_others_are_back(rq: RqFleet) -> None:
    rq.worker("one")
    two = [{"name": name, "born": "before"} for name in ("one", "two")]
    with pytest.raises(ServiceError, match=r"1 of 2 workers came .* within 0:00:03: start"):
        restart(rq, Platform(), {"stopped": two})
    rq.worker("two")
    answer = restart(rq, Platform(), {"stopped": two})
    assert [worker["name"] for worker in answer["workers"]] == ["one", "two"]


@pytest.mark.usefixtures("impatient")
def test_a_probe_that_nobody_does_fails_the_step(rq: RqFleet) -> None:
    one = rq.worker("one")
    rq.busy("one")
    with pytest.raises(ServiceError, match=r"probe-restart_1 is queued.*see the workers' logs"):
        restart(rq, Platform())
    assert one.ended is None


def test_a_probe_that_fails_says_why_and_the_next_attempt_tries_again(
    rq: RqFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    rq.worker("one")
    with monkeypatch.context() as patched:
        patched.setattr("actors.discovery.jobs.probe", "no.such.probe")
        with pytest.raises(ServiceError, match=r"probe-restart_1 is failed.*no\.such"):
            restart(rq, Platform())
    assert restart(rq, Platform())["probe"]["status"] == "finished"


def test_a_hook_is_run_to_its_end_once(rq: RqFleet, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    rq.worker("one")
    words = f'echo "$DISCOVERY_RESTARTED_BY" >> {shlex.quote(str(calls))}'
    hook = Hook(("/bin/sh", "-c", words), rq.home / "discovery.log")
    for _ in range(2):
        assert restart(rq, hook)["started_by"] == "hook"
    assert calls.read_text() == f"{KEY}\n"
    assert 0 < rq.redis.ttl("orchestration:restart:restart_1") <= 3_600, "notes go soon after"


@pytest.mark.usefixtures("leftover")
def test_a_hook_may_leave_a_worker_in_the_background(
    rq: RqFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.discovery.service.HOOK_TAKES", timedelta(seconds=10))
    log = rq.home / "state" / "discovery.log"
    hook = Hook(("/bin/sh", "-c", f"echo starting; {shlex.join(command(rq))} &"), log)
    answer = restart(rq, hook)
    assert [worker["pid"] for worker in answer["workers"]] == [find_marked(KEY)]
    assert str(log) in hook.advice
    eventually(lambda: "probe" in log.read_text(), within=WITHIN)
    assert log.read_text().startswith("starting\n")


def test_health_is_that_of_the_workers(rq: RqFleet) -> None:
    with pytest.raises(ServiceError, match="no RQ worker serves discovery"):
        rq.controller().look()
    rq.worker("one")
    assert rq.controller().look() == {"controller": "rq", "workers": 1, "queued": 0}
    suspend(rq.redis)
    with pytest.raises(ServiceError, match="RQ is suspended"):
        rq.controller().look()

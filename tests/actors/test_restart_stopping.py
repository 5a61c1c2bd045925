"""Real RQ workers are asked once, waited for, and only then broken off if that is wanted."""

import signal
import threading
from datetime import timedelta
from typing import Any

import pytest
from redis.exceptions import ConnectionError as AwayError
from rq.command import send_shutdown_command
from rq.suspension import is_suspended

from actors.discovery.errors import AlreadyRestartingError, WorkersBusyError
from actors.errors import AbandonedError
from tests.acceptance.processes import freeze
from tests.actors.rq_fleet import WITHIN, Heard, RqFleet, context_of
from tests.eventually import eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.redis, pytest.mark.timeout(120)]
STOPPING = "stopping_rq_workers"
LONG, SHORT = timedelta(seconds=60), timedelta(seconds=2)


def stop(rq: RqFleet, *, force: bool = False, grace: timedelta = LONG) -> dict[str, Any]:
    return rq.controller().stop(context_of(STOPPING), force=force, grace=grace)


def names(workers: list[dict[str, Any]]) -> list[str]:
    return [worker["name"] for worker in workers]


def test_workers_finish_their_jobs_and_end(rq: RqFleet) -> None:
    one = rq.worker("one")
    job, end = rq.busy("one")
    two = rq.worker("two")
    heard = Heard()
    answer: dict[str, Any] = {}

    def stopping() -> None:
        context = context_of(STOPPING, heard)
        answer.update(rq.controller().stop(context, force=False, grace=LONG))

    thread = threading.Thread(target=stopping)
    thread.start()
    eventually(lambda: heard.progress, within=WITHIN)
    assert is_suspended(rq.redis)
    assert one.ended is two.ended is None, "nobody is told to end while one is at work"
    end.touch()
    thread.join(WITHIN)
    assert one.wait(within=WITHIN) == 0
    assert two.wait(within=WITHIN) == 0
    assert names(answer["stopped"]) == ["one", "two"]
    assert answer["stopped_jobs"] == answer["dead"] == []
    assert job.get_status() == "finished"
    assert is_suspended(rq.redis), "until the service is started again"
    assert any("asked to stop" in text for _, text in heard.progress)


def test_busy_workers_refuse_and_all_of_them_work_on(rq: RqFleet) -> None:
    one = rq.worker("one")
    job, end = rq.busy("one")
    two = rq.worker("two")
    with pytest.raises(WorkersBusyError, match=r"worker one on .* job job-of-one.*force_stop=true"):
        stop(rq, grace=SHORT)
    assert not is_suspended(rq.redis)
    end.touch()
    eventually(lambda: job.get_status() == "finished", within=WITHIN)
    eventually(lambda: rq.idle("one") and rq.idle("two"), within=WITHIN)
    assert one.ended is two.ended is None
    assert not any(worker.told for worker in rq.listed().values())


def test_a_repeated_stop_asks_nobody_twice(rq: RqFleet) -> None:
    one = rq.worker("one")
    job, end = rq.busy("one")
    for run in ("restart_1", "restart_1", "restart_2"):  # a second question would be a cold stop
        with pytest.raises(WorkersBusyError):
            rq.controller().stop(context_of(STOPPING, run=run), force=False, grace=SHORT)
        assert not rq.listed()["one"].told
    assert one.ended is None
    end.touch()
    assert names(stop(rq)["stopped"]) == ["one"]
    assert job.get_status() == "finished"
    assert one.wait(within=WITHIN) == 0


def test_who_was_asked_by_somebody_else_is_not_asked_again(rq: RqFleet) -> None:
    one = rq.worker("one")
    job, end = rq.busy("one")
    send_shutdown_command(rq.redis, "one")
    eventually(lambda: rq.listed()["one"].told, within=WITHIN)
    with pytest.raises(WorkersBusyError):
        stop(rq, grace=SHORT)
    end.touch()
    assert one.wait(within=WITHIN) == 0
    assert job.get_status() == "finished"


def test_force_breaks_the_jobs_off_after_the_grace(rq: RqFleet) -> None:
    one = rq.worker("one")
    job, end = rq.busy("one")
    answer = stop(rq, force=True, grace=SHORT)
    assert one.wait(within=WITHIN) == 0
    assert not end.with_suffix(".ended").exists()
    assert answer["stopped_jobs"] == [job.id]
    assert job.get_status() == "stopped"
    assert rq.listed() == {}


def test_a_worker_that_answers_nothing_is_named_even_with_force(rq: RqFleet) -> None:
    one = rq.worker("one")
    (process,) = one.members()
    freeze(process)
    with pytest.raises(WorkersBusyError, match=r"worker one .*end these processes"):
        stop(rq, force=True, grace=SHORT)
    assert not is_suspended(rq.redis)
    process.resume()


def test_a_dead_worker_is_taken_off_the_list(rq: RqFleet) -> None:
    one = rq.worker("one")
    one.tell(signal.SIGKILL)
    one.wait(within=WITHIN)
    assert "one" in rq.listed()
    answer = stop(rq, grace=SHORT)
    assert names(answer["dead"]) == ["one"]
    assert answer["stopped"] == []
    assert rq.listed() == {}


def test_a_dead_worker_with_a_living_job_is_known_by_its_heartbeat(rq: RqFleet) -> None:
    one = rq.worker("one")
    _, end = rq.busy("one")
    one.tell(signal.SIGKILL)
    one.wait(within=WITHIN)
    assert rq.listed()["one"].listening, "the job that it left behind holds its connection"
    with pytest.raises(WorkersBusyError, match="worker one"):
        stop(rq, grace=SHORT)
    rq.redis.expire("rq:worker:one", 29)  # as it will be half a minute after the next one was due
    assert names(stop(rq, grace=SHORT)["dead"]) == ["one"]
    end.touch()


def test_an_attempt_that_lost_its_claim_leaves_everything_to_the_next(rq: RqFleet) -> None:
    rq.worker("one")
    _, end = rq.busy("one")
    heard = Heard(cancelled=True)
    with pytest.raises(AbandonedError):
        rq.controller().stop(context_of(STOPPING, heard), force=True, grace=LONG)
    assert is_suspended(rq.redis)
    undo = context_of(f"undo.{STOPPING}")
    assert rq.controller().resume(undo) == {"controller": "rq", "resumed": True}
    assert not is_suspended(rq.redis)
    assert rq.controller().resume(undo) == {"controller": "rq", "resumed": False}
    end.touch()


def test_a_stop_that_fails_midway_leaves_nothing_suspended(
    rq: RqFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_queue: object) -> None:
        assert is_suspended(rq.redis)
        raise AwayError("reset by peer")

    with monkeypatch.context() as patch:
        patch.setattr("actors.discovery.rq_shutdown.list_workers", away)
        with pytest.raises(AwayError):
            stop(rq)
    assert not is_suspended(rq.redis)
    other = context_of(STOPPING, run="restart_2")
    assert rq.controller().stop(other, force=False, grace=SHORT)["stopped"] == []


def test_a_stop_that_cannot_resume_either_tells_what_failed_first(
    rq: RqFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise AwayError("reset by peer")

    def still_away(*_: object) -> None:
        raise AwayError("refused")

    monkeypatch.setattr("actors.discovery.rq_shutdown.list_workers", away)
    monkeypatch.setattr("actors.discovery.journal.Journal.release", still_away)
    with pytest.raises(AwayError, match="reset by peer"):
        stop(rq)
    assert is_suspended(rq.redis)
    assert rq.redis.ttl("rq:suspended") > 0, "it ends by itself"


def test_one_restart_at_a_time(rq: RqFleet) -> None:
    assert stop(rq)["stopped"] == []
    assert stop(rq)["stopped"] == [], "the same run may repeat it"
    other = context_of(STOPPING, run="restart_2")
    with pytest.raises(AlreadyRestartingError, match="restart_1 restarts discovery already"):
        rq.controller().stop(other, force=False, grace=SHORT)
    assert rq.controller().resume(other) == {"controller": "rq", "resumed": False}
    assert is_suspended(rq.redis), "it is the first run's"
    rq.controller().resume(context_of(f"undo.{STOPPING}"))
    assert rq.controller().stop(other, force=False, grace=SHORT)["stopped"] == []


def test_where_there_are_no_workers_nothing_is_waited_for(rq: RqFleet) -> None:
    assert stop(rq)["stopped"] == []

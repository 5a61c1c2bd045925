"""What programs can do over HTTP about the fleet: agents, queues, letters, schedules, its stop."""

import pytest

from orchestration.engine import emergency
from orchestration.engine.transaction import Transaction
from orchestration.errors import StoreError
from orchestration.store import dead_letters, workers
from orchestration.store.workers import NewWorker
from orchestration.web.console import Console
from tests.web.asking import ALL, RUNS, start
from tests.web.browsing import Browser


def test_agents_are_paused_by_name(http: Browser, console: Console) -> None:
    assert http.post(f"{ALL}/agents/worker/pause").status_code == 404
    console.opened.store.write(
        lambda s: s.run("INSERT INTO agents (name, status) VALUES ('worker', 'running')")
    )
    assert http.post(f"{ALL}/agents/worker/pause").json() == {"name": "worker", "paused": True}
    assert http.get(f"{ALL}/agents").json()[0]["paused_by"] == ["http:loopback"]
    assert http.post(f"{ALL}/agents/worker/resume").json()["lifted"] == ["http:loopback"]


def test_without_a_broker_no_queue_can_be_purged(http: Browser) -> None:
    answer = http.post(f"{ALL}/queues/worker/purge")
    assert answer.status_code == 409
    assert "RABBITMQ_URL" in answer.json()["detail"]


def test_dead_letters_are_read_replayed_and_discarded(http: Browser, console: Console) -> None:
    def write(number: int) -> None:
        letter = dead_letters.DeadLetter(
            reason="bad", detail=f"no {number}", routing_key="command.orchestration",
            sender="a", body=b"<script>%d" % number,
        )  # fmt: skip
        console.opened.store.write(lambda s: dead_letters.add(s, letter, console.clock.now()))

    for number in range(3):
        write(number)
    listed = http.get(f"{ALL}/dead-letters", params={"limit": 2}).json()
    assert len(listed["items"]) == 2
    rest = http.get(f"{ALL}/dead-letters", params={"cursor": listed["next"]}).json()
    assert (len(rest["items"]), rest["next"]) == (1, None)
    first = rest["items"][0]["id"]
    assert http.get(f"{ALL}/dead-letters/{first}").json()["body"] == "<script>0"
    assert http.post(f"{ALL}/dead-letters/{first}/replay").json()["died_as"] > first
    assert http.post(f"{ALL}/dead-letters/{first}/replay").status_code == 404
    wish = {"change": "discard", "sender": "a"}
    preview = http.post(f"{ALL}/bulk/dead-letters", json=wish).json()
    really = {**wish, "preview": False}
    assert http.post(f"{ALL}/bulk/dead-letters", json=really).status_code == 422
    write(3)
    stale = http.post(f"{ALL}/bulk/dead-letters", json={**really, "shown": preview["shown"]})
    assert stale.status_code == 409
    preview = http.post(f"{ALL}/bulk/dead-letters", json=wish).json()
    done = http.post(f"{ALL}/bulk/dead-letters", json={**really, "shown": preview["shown"]}).json()
    assert done["count"] == preview["count"] > 0


def test_schedules_come_go_and_start_out_of_turn(http: Browser) -> None:
    new = {"name": "nightly", "command": "job", "cron": "30 6 * * mon-fri"}
    made = http.post(f"{ALL}/schedules", json=new)
    assert (made.status_code, made.json()["status"]) == (201, "active")
    assert http.post(f"{ALL}/schedules", json=new).status_code == 422
    for cron in ("x", "0 0 30 2 *"):
        assert (
            http.post(f"{ALL}/schedules", json={**new, "name": "b", "cron": cron}).status_code
            == 422
        )
    assert http.post(f"{ALL}/schedules/nightly/pause").json()["status"] == "paused"
    assert http.post(f"{ALL}/schedules/nightly/resume").json()["next_at"]
    run_id = http.post(f"{ALL}/schedules/nightly/trigger").json()["workflow_id"]
    assert http.get(f"{ALL}/schedules").json()[0]["last_run"] == run_id
    assert http.delete(f"{ALL}/schedules/nightly").status_code == 204
    assert http.delete(f"{ALL}/schedules/nightly").status_code == 404
    actions = [deed["action"] for deed in http.get(f"{ALL}/audit").json()["items"]]
    assert actions == [
        "remove_schedule", "trigger_schedule", "resume_schedule", "pause_schedule", "add_schedule",
    ]  # fmt: skip


def test_everything_is_stopped_and_released(http: Browser) -> None:
    run_id = start(http)
    stopped = http.post(f"{ALL}/emergency/stop", json={"reason": "test"}).json()
    assert (stopped["stopped"], stopped["by"]) == (True, "http:loopback")
    assert http.get(f"{RUNS}/{run_id}").json()["status"] == "cancelled"
    refused = http.post(f"{ALL}/commands", json={"command": "job", "parameters": {}})
    assert refused.status_code == 409
    assert http.post(f"{ALL}/emergency/release").json()["stopped"] is False
    assert http.post(f"{ALL}/emergency/release").status_code == 409


def test_a_stop_whose_store_goes_away_holds_and_is_finished_by_the_next_request(
    http: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_away(_: Transaction) -> int:
        raise StoreError("the store is away")

    run_id = start(http)
    with monkeypatch.context() as patched:
        patched.setattr(emergency, "clear", be_away)
        answer = http.post(f"{ALL}/emergency/stop", json={"reason": "fire"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert http.get(f"{ALL}/emergency").json()["stopped"] is True
    assert http.get(f"{RUNS}/{run_id}").json()["status"] != "cancelled"
    assert http.post(f"{ALL}/emergency/stop", json={"reason": "fire"}).json()["epoch"] == 1
    assert http.get(f"{RUNS}/{run_id}").json()["status"] == "cancelled"


def test_a_stop_waits_for_nobody_who_is_dead(http: Browser, console: Console) -> None:
    row = NewWorker(
        id="dead", host="near", pid=7, release="1", offers=[], transport="embedded", slots={}
    )
    console.engine.store.write(lambda s: workers.join(s, row, console.clock.now()))
    found = http.post(f"{ALL}/emergency/stop", json={"reason": "x"}).json()
    assert (found["silent"], [each["name"] for each in found["gone"]]) == ([], ["dead"])

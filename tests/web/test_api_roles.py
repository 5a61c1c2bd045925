"""Who may do what over HTTP: roles, tokens, and nobody approves a run of his own."""

from typing import Any

import pytest

from orchestration.desk.tokens import Role
from orchestration.runtime.schedule import Timetable
from orchestration.store import audit
from orchestration.web.console import Console
from tests.cli.sample import app as sample
from tests.web.asking import ALL, RUNS, bearer, start
from tests.web.browsing import Browser
from tests.web.conftest import TOKEN


def test_nobody_approves_his_own_run(closed: Browser, console: Console) -> None:
    alice = bearer(console, "alice", Role.APPROVER)
    bob = bearer(console, "bob", Role.APPROVER)
    run_id = start(closed, "asking", **alice)
    (waiting,) = closed.get(f"{ALL}/approvals", **bob).json()
    assert (waiting["workflow_id"], waiting["step"]) == (run_id, "asked")
    assert waiting["own"] is False
    assert closed.get(f"{ALL}/approvals", **alice).json()[0]["own"] is True
    seen = {"shown": waiting["shown"]}
    own = closed.post(f"{RUNS}/{run_id}/approve", json=seen, **alice)
    assert own.status_code == 403
    assert "somebody else" in own.json()["detail"]
    assert closed.post(f"{RUNS}/{run_id}/reject", **alice).status_code == 403
    old = closed.post(f"{RUNS}/{run_id}/approve", json={"shown": "other"}, **bob)
    assert old.status_code == 409
    answer = {"step": "asked", "shown": waiting["shown"]}
    assert closed.post(f"{RUNS}/{run_id}/approve", json=answer, **bob).status_code == 200
    assert closed.get(f"{ALL}/approvals", **bob).json() == []


@pytest.mark.parametrize("body", [None, {}, {"shown": ""}, {"shown": None, "step": "asked"}])
def test_what_nobody_was_shown_is_not_approved(http: Browser, body: dict[str, Any] | None) -> None:
    run_id = start(http, "asking")
    answer = http.post(f"{RUNS}/{run_id}/approve", json=body)
    assert answer.status_code == 422
    assert "`shown` of GET /orchestration/approvals" in answer.json()["detail"]
    assert http.get(f"{RUNS}/{run_id}").json()["status"] == "waiting"


@pytest.mark.parametrize("adder", ["alice", "carol"])
def test_nobody_approves_what_his_schedule_or_his_trigger_has_started(
    closed: Browser, console: Console, adder: str
) -> None:
    tokens_of = {each: bearer(console, each, Role.APPROVER) for each in ("alice", "bob", "carol")}
    new = {"name": "nightly", "command": "asking", "cron": "0 6 * * *"}
    assert closed.post(f"{ALL}/schedules", json=new, **tokens_of[adder]).status_code == 201
    triggered = closed.post(f"{ALL}/schedules/nightly/trigger", **tokens_of["alice"])
    run_id = triggered.json()["workflow_id"]
    assert closed.delete(f"{ALL}/schedules/nightly", **tokens_of["bob"]).status_code == 204
    seen = {"shown": closed.get(f"{ALL}/approvals", **tokens_of["bob"]).json()[0]["shown"]}
    for name in {"alice", adder}:
        own = closed.post(f"{RUNS}/{run_id}/approve", json=seen, **tokens_of[name])
        assert own.status_code == 403
        assert closed.post(f"{RUNS}/{run_id}/reject", **tokens_of[name]).status_code == 403
    allowed = closed.post(f"{RUNS}/{run_id}/approve", json=seen, **tokens_of["bob"])
    assert allowed.status_code == 200


def test_nobody_approves_what_the_clock_has_started_from_his_schedule(
    closed: Browser, console: Console
) -> None:
    alice, bob = (bearer(console, each, Role.APPROVER) for each in ("alice", "bob"))
    new = {"name": "nightly", "command": "asking", "cron": "0 6 * * *"}
    assert closed.post(f"{ALL}/schedules", json=new, **alice).status_code == 201
    console.engine.store.write(lambda s: s.run("UPDATE schedules SET next_at = 0"))
    (run_id,) = Timetable(console.engine, sample).fire()
    seen = {"shown": closed.get(f"{ALL}/approvals", **bob).json()[0]["shown"]}
    url = f"{RUNS}/{run_id}/approve"
    assert closed.post(url, json=seen, **alice).status_code == 403
    assert closed.post(url, json=seen, **bob).status_code == 200


def test_a_rejected_run_is_cancelled(http: Browser) -> None:
    run_id = start(http, "asking")
    rejected = http.post(f"{RUNS}/{run_id}/reject", json={"reason": "no"})
    assert rejected.json() == {"id": run_id, "status": "cancelled"}


READS = [
    "status", "commands", "workflows", "approvals", "agents", "workers", "queues", "alerts",
    "dead-letters", "schedules", "audit", "emergency", "configuration", "configuration/history",
    "whoami", "events/history",
]  # fmt: skip
NEEDS = [
    (Role.OPERATOR, "POST", "commands", {"command": "job"}),
    (Role.OPERATOR, "POST", "bulk/workflows", {"change": "cancel", "filter": {}}),
    (Role.OPERATOR, "POST", "agents/nobody/pause", None),
    (Role.OPERATOR, "POST", "workers/nobody/drain", None),
    (Role.OPERATOR, "POST", "dead-letters/1/replay", None),
    (Role.OPERATOR, "DELETE", "schedules/nothing", None),
    (Role.OPERATOR, "POST", "emergency/stop", {"reason": "test"}),
    (Role.APPROVER, "POST", "emergency/release", None),
    (Role.APPROVER, "POST", "workflows/nothing/approve", None),
    (Role.ADMIN, "POST", "queues/worker/purge", None),
    (Role.ADMIN, "POST", "tokens", {"name": "x", "role": "viewer"}),
    (Role.ADMIN, "GET", "tokens", None),
]


def test_each_role_may_do_what_it_may_and_no_more(closed: Browser, console: Console) -> None:
    mine = {role: bearer(console, role.value, role) for role in Role}
    for path in READS:
        assert closed.get(f"{ALL}/{path}").status_code == 401
        assert closed.get(f"{ALL}/{path}", **mine[Role.VIEWER]).status_code == 200
    for role, method, path, body in NEEDS:
        for each in Role:
            answer = closed.request(method, f"{ALL}/{path}", json=body, **mine[each])
            assert (answer.status_code != 403) == each.covers(role), (each, path, answer.text)


def test_tokens_are_made_listed_and_revoked(closed: Browser, console: Console) -> None:
    admin = {"headers": {"Authorization": f"Bearer {TOKEN}"}}
    made = closed.post(f"{ALL}/tokens", json={"name": "eve", "role": "viewer"}, **admin)
    assert made.status_code == 201
    eve = {"headers": {"Authorization": f"Bearer {made.json()['token']}"}}
    assert closed.get(f"{ALL}/whoami", **eve).json() == {"name": "eve", "role": "viewer"}
    assert "token" not in closed.get(f"{ALL}/tokens", **admin).json()[0]
    assert closed.delete(f"{ALL}/tokens/eve", **admin).status_code == 204
    assert closed.delete(f"{ALL}/tokens/eve", **admin).status_code == 404
    assert closed.get(f"{ALL}/whoami", **eve).status_code == 401
    done = console.read(lambda s: audit.after(s, 0, 10))
    assert [deed.actor for deed in done] == ["http:environment"] * 2

"""What programs can do over HTTP: the same as people at the command line."""

from typing import Any

import pytest

from orchestration import settings
from orchestration.desk import tokens
from orchestration.desk.tokens import Role
from orchestration.engine.by import By
from orchestration.runtime.schedule import Timetable
from orchestration.store import audit, dead_letters, runs, workers
from orchestration.store.workers import NewWorker
from orchestration.web.console import Console, opened_console
from tests.cli.sample import app as sample
from tests.web.browsing import Browser
from tests.web.conftest import TOKEN, Browse

ALL = "/orchestration"
RUNS = f"{ALL}/workflows"


def start(http: Browser, command: str = "job", **more: Any) -> str:
    answer = http.post(f"{ALL}/commands", json={"command": command, "parameters": {}}, **more)
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["workflow_id"]
    return found


def bearer(console: Console, name: str, role: Role) -> dict[str, Any]:
    """What a request of somebody with a token of his own carries."""
    token = tokens.add(console.engine, name, role, By("admin"))
    return {"headers": {"Authorization": f"Bearer {token}"}}


def test_a_command_starts_a_run_that_is_there_when_it_is_acknowledged(http: Browser) -> None:
    body = {"command": "job", "parameters": {"items": ["x"]}, "priority": 4}
    answer = http.post(f"{ALL}/commands", json=body)
    run_id = answer.json()["workflow_id"]
    assert answer.headers["location"] == f"{RUNS}/{run_id}"
    story = http.get(answer.headers["location"]).json()
    assert (story["sender"], story["priority"]) == ("http:loopback", 4)
    assert story["parameters"]["items"] == ["x"]
    assert story["waits_for"]["kind"] == "no_worker"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"command": "fly"}, "known commands: asking"),
        ({"command": "job", "parameters": {"items": []}}, "items"),
        ({"command": "job", "parameters": {"nothing": 1}}, "nothing"),
        ({"command": "job", "priority": 5}, "priority"),
        ({"command": "job", "extra": 1}, "extra"),
        ({}, "command"),
    ],
)
def test_a_wrong_command_says_what_is_wrong_and_starts_nothing(
    http: Browser, body: dict[str, Any], says: str
) -> None:
    answer = http.post(f"{ALL}/commands", json=body)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert http.get(RUNS).json()["items"] == []


def test_a_key_starts_one_run_and_belongs_to_its_token(http: Browser, console: Console) -> None:
    key = {"Idempotency-Key": "k1"}
    first = start(http, headers=key)
    assert start(http, headers=key) == first
    alice = bearer(console, "alice", Role.OPERATOR)
    alice["headers"] |= key
    assert start(http, **alice) != first
    other = {"command": "bad", "parameters": {}}
    assert http.post(f"{ALL}/commands", json=other, headers=key).status_code == 409


def test_too_many_waiting_runs_are_refused_for_a_while(
    browse: Browse, environ: dict[str, str]
) -> None:
    bounds = {"MAX_PENDING_PER_SENDER": "1", "MAX_CONCURRENT_WORKFLOWS": "1"}
    with opened_console(sample, settings.load(environ | bounds)) as narrow:
        http = browse(engine=narrow.engine)
        codes = {
            http.post(f"{ALL}/commands", json={"command": "job"}).status_code for _ in range(3)
        }
        assert codes == {202, 429}
        refused = http.post(f"{ALL}/commands", json={"command": "job"})
    assert int(refused.headers["retry-after"]) > 0


def test_runs_are_listed_page_by_page(http: Browser) -> None:
    made = [start(http) for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = http.get(RUNS, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [run["id"] for run in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made[::-1]
    assert http.get(RUNS, params={"text": made[0]}).json()["items"][0]["id"] == made[0]
    assert http.get(RUNS, params={"status": "failed"}).json() == {"items": [], "next": None}
    assert http.get(RUNS, params={"since": "2199-01-01T00:00:00Z"}).json()["items"] == []


@pytest.mark.parametrize("cursor", ["x", "é", "bnVsbA", "W10", "WzEsMl0", "W3RydWVd"])
@pytest.mark.parametrize("listing", ["workflows", "dead-letters", "audit"])
def test_a_cursor_that_is_not_ours_is_not_found(http: Browser, listing: str, cursor: str) -> None:
    assert http.get(f"{ALL}/{listing}", params={"cursor": cursor}).status_code == 404


def test_a_run_is_changed_and_the_audit_knows_by_whom(http: Browser, console: Console) -> None:
    run_id = start(http)
    assert http.post(f"{RUNS}/{run_id}/pause", json={"reason": "look"}).json()["status"] == "paused"
    assert http.post(f"{RUNS}/{run_id}/pause").status_code == 409
    assert http.post(f"{RUNS}/{run_id}/resume").status_code == 200
    alice = bearer(console, "alice", Role.OPERATOR)
    assert http.post(f"{RUNS}/{run_id}/cancel", **alice).json()["status"] == "cancelled"
    assert http.post(f"{RUNS}/{run_id}/retry", **alice).json()["status"] in {"pending", "running"}
    deeds = http.get(f"{ALL}/audit").json()["items"]
    told = [(deed["actor"], deed["action"]) for deed in deeds if run_id in deed["subject"]]
    assert told == [
        ("http:alice", "retry"),
        ("http:alice", "cancel"),
        ("http:loopback", "resume"),
        ("http:loopback: look", "pause"),
    ]


def test_what_is_not_there_is_not_found(http: Browser) -> None:
    for path in ("", "/result", "/progress", "/artifacts", f"/artifacts/{'0' * 64}"):
        assert http.get(f"{RUNS}/nothing_1{path}").status_code == 404
    for verb in ("cancel", "pause", "resume", "retry", "fork", "approve", "reject"):
        assert http.post(f"{RUNS}/nothing_1/{verb}").status_code == 404


def test_several_runs_are_changed_after_a_preview(http: Browser) -> None:
    made = {start(http) for _ in range(3)}
    wish = {"change": "cancel", "filter": {"command": "job"}}
    preview = http.post(f"{ALL}/bulk/workflows", json=wish).json()
    assert preview["count"] == 3
    assert {run["id"] for run in preview["workflows"]} == made
    start(http)
    really = {**wish, "preview": False}
    unseen = http.post(f"{ALL}/bulk/workflows", json=really)
    assert unseen.status_code == 422
    assert "`shown` of a preview" in unseen.json()["detail"]
    stale = http.post(f"{ALL}/bulk/workflows", json={**really, "shown": preview["shown"]})
    assert stale.status_code == 409
    http.post(f"{RUNS}/{made.pop()}/cancel")  # as many as were shown, and not the same ones
    other = http.post(f"{ALL}/bulk/workflows", json={**really, "shown": preview["shown"]})
    assert other.status_code == 409
    seen = http.post(f"{ALL}/bulk/workflows", json=wish).json()["shown"]
    done = http.post(f"{ALL}/bulk/workflows", json={**really, "shown": seen}).json()
    assert (done["count"], done["refused"]) == (3, [])
    assert http.post(f"{ALL}/bulk/workflows", json=wish).json()["count"] == 0
    assert http.post(f"{ALL}/bulk/workflows", json={"change": "cancel"}).status_code == 422


def test_of_a_named_run_that_is_not_changed_with_others_it_is_told_why(http: Browser) -> None:
    live, over = start(http), start(http)
    http.post(f"{RUNS}/{over}/cancel")
    wish = {"change": "cancel", "ids": [live, over], "preview": False}
    done = http.post(f"{ALL}/bulk/workflows", json=wish).json()
    assert [each["id"] for each in done["workflows"]] == [live]
    (why,) = done["refused"]
    assert why.startswith(f"{over} is cancelled: there is nothing to cancel")


def test_an_ended_run_is_forked_with_other_parameters(http: Browser) -> None:
    run_id = start(http)
    assert http.post(f"{RUNS}/{run_id}/fork").status_code == 409
    http.post(f"{RUNS}/{run_id}/cancel")
    changed = {"parameters": {"items": ["z"]}, "preview": True}
    preview = http.post(f"{RUNS}/{run_id}/fork", json=changed)
    assert (preview.status_code, preview.json()["edited"]) == (200, ["items"])
    made = http.post(f"{RUNS}/{run_id}/fork", json={**changed, "preview": False})
    assert made.status_code == 202
    assert http.get(f"{RUNS}/{made.json()['id']}").json()["forked_from"] == run_id
    wrong = http.post(f"{RUNS}/{run_id}/fork", json={"parameters": {"items": []}})
    assert wrong.status_code == 422


def test_a_fork_that_is_sent_twice_under_a_key_is_made_once(http: Browser) -> None:
    run_id = start(http)
    http.post(f"{RUNS}/{run_id}/cancel")

    def fork(item: str, key: str) -> Any:
        body = {"parameters": {"items": [item]}}
        return http.post(f"{RUNS}/{run_id}/fork", json=body, headers={"Idempotency-Key": key})

    made, again = fork("z", "k"), fork("z", "k")
    assert (made.status_code, again.status_code) == (202, 202)
    assert made.json()["id"] == again.json()["id"] != fork("z", "other").json()["id"]
    assert fork("y", "k").status_code == 409
    assert fork("z", "with space").status_code == 422


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
    "whoami",
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
    assert http.post(f"{ALL}/schedules", json={**new, "name": "b", "cron": "x"}).status_code == 422
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


def test_a_stop_waits_for_nobody_who_is_dead(http: Browser, console: Console) -> None:
    row = NewWorker(
        id="dead", host="near", pid=7, release="1", offers=[], transport="embedded", slots={}
    )
    console.engine.store.write(lambda s: workers.join(s, row, console.clock.now()))
    found = http.post(f"{ALL}/emergency/stop", json={"reason": "x"}).json()
    assert (found["silent"], [each["name"] for each in found["gone"]]) == ([], ["dead"])


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


def test_every_operation_is_described_with_an_example(http: Browser) -> None:
    found = http.get("/openapi.json").json()
    assert "Start" not in found["components"]["schemas"]
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            good = next(each for code, each in operation["responses"].items() if code < "300")
            for content in good.get("content", {}).values():
                assert "example" in content, where
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert has_example(found, content["schema"]), where


def has_example(found: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Whether a schema, or what it refers to, shows an example."""
    if "$ref" in schema:
        return has_example(found, found["components"]["schemas"][schema["$ref"].split("/")[-1]])
    inner = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    return "examples" in schema or any(has_example(found, each) for each in inner)


def test_the_store_keeps_no_run_that_was_refused(http: Browser, console: Console) -> None:
    http.post(f"{ALL}/commands", json={"command": "job", "parameters": {"count": 0}})
    assert console.read(lambda s: runs.counts(s, 10)) == {}

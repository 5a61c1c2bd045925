"""What programs can do over HTTP about runs: the same as people at the command line."""

import json
from typing import Any

import httpx
import pytest

from orchestration import settings
from orchestration.desk.tokens import Role
from orchestration.store import events, runs
from orchestration.web.console import Console, opened_console
from tests.cli.sample import app as sample
from tests.web.asking import ALL, RUNS, bearer, start
from tests.web.browsing import Browser
from tests.web.conftest import Browse
from tests.web.stock import Stock


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


@pytest.mark.parametrize("key", ["this morning", "", "k" * 201, "clé"])
def test_a_key_that_no_header_should_have_is_told_what_one_is(http: Browser, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = http.post(f"{ALL}/commands", json={"command": "job"}, headers=headers)
    assert answer.status_code == 422
    rule = "an idempotency key has 1 to 200 printable ASCII characters and no blanks"
    assert answer.json()["detail"] == f"header.Idempotency-Key: {rule}"


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


@pytest.mark.parametrize("listing", ["workflows", "dead-letters", "audit", "events/history"])
def test_a_full_page_is_the_last_one_where_nothing_comes_after_it(
    pages: Browser, listing: str
) -> None:
    everything = pages.get(f"{ALL}/{listing}", params={"limit": 500}).json()["items"]
    full = pages.get(f"{ALL}/{listing}", params={"limit": len(everything)}).json()
    assert full == {"items": everything, "next": None}


@pytest.mark.parametrize("command", ["commands", "schedules"])
def test_half_a_character_in_a_parameter_is_refused(pages: Browser, command: str) -> None:
    """JSON can say a lone surrogate, and no answer could tell of it again."""

    def sent(text: str) -> httpx.Response:
        given = {"command": "job", "parameters": {"items": [text]}}
        timed = {"name": "daily", "cron": "0 6 * * *"} if command == "schedules" else {}
        body = json.dumps(given | timed)
        headers = {"Content-Type": "application/json"}
        return pages.post(f"{ALL}/{command}", content=body, headers=headers)

    refused = sent("\ud800")
    assert refused.status_code == 422
    assert "half a character" in refused.json()["detail"]
    assert sent("\U0001f600").status_code in {201, 202}
    assert pages.get(f"{ALL}/schedules").status_code == 200


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
@pytest.mark.parametrize("listing", ["workflows", "dead-letters", "audit", "events/history"])
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


def test_what_waits_in_one_run_is_listed_alone(http: Browser) -> None:
    first, second = start(http, "asking"), start(http, "asking")
    for run_id in (first, second):
        (asked,) = http.get(f"{ALL}/approvals", params={"workflow_id": run_id}).json()
        assert (asked["workflow_id"], asked["step"]) == (run_id, "asked")
    listed = http.get(f"{ALL}/approvals", params={"workflow_id": start(http)}).json()
    assert listed == []
    missing = http.get(f"{ALL}/approvals", params={"workflow_id": "nothing_1"})
    assert missing.status_code == 404


def test_what_happened_is_listed_page_by_page(http: Browser, console: Console) -> None:
    run_id = start(http, "asking")
    http.post(f"{RUNS}/{run_id}/cancel")
    start(http)
    written = console.read(lambda s: events.newest(s, 100, run_id))
    assert len(written) > 2
    cursor, seen = None, list[dict[str, Any]]()
    while cursor or not seen:
        params = {"workflow_id": run_id, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = http.get(f"{ALL}/events/history", params=params).json()
        seen += page["items"]
        cursor = page["next"]
    assert [each["id"] for each in seen] == [row.id for row in written]
    assert {each["workflow_id"] for each in seen} == {run_id}
    (newest,) = http.get(f"{ALL}/events/history", params={"limit": 1}).json()["items"]
    assert newest["workflow_id"] != run_id
    missing = http.get(f"{ALL}/events/history", params={"workflow_id": "nothing_1"})
    assert missing.status_code == 404


def test_half_a_character_in_a_result_is_told_as_a_question_mark(
    pages: Browser, stock: Stock
) -> None:
    run_id = stock.fleet.start("job")
    stock.fleet.work_off(stock.fleet.worker("w2"), lambda _: {"said": "half \ud800, \U0001f600"})
    answer = pages.get(f"{ALL}/workflows/{run_id}/result")
    assert answer.status_code == 200
    assert "half ?, \U0001f600" in str(answer.json())

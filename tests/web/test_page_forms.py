"""The forms of the pages do what they say, once, and what was seen."""

import pytest

from orchestration.engine.by import By
from orchestration.state import RunStatus as R
from orchestration.store import audit, listings, schedules
from orchestration.store.listings import Filter
from orchestration.web.console import Console
from tests.web.browsing import Browser
from tests.web.stock import Stock
from tests.web.visiting import HTML, Page, opened, sent


def test_a_command_is_started_by_its_form_and_only_once(pages: Browser, stock: Stock) -> None:
    page = opened(pages, "/start/job")
    first = sent(pages, page, "/start/job", **{"p.items": '["x"]', "priority": "4"})
    again = sent(pages, page, "/start/job", **{"p.items": '["x"]', "priority": "4"})
    assert first.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    run_id = first.headers["location"].split("/")[-1].partition("?")[0]
    run = stock.fleet.run(run_id)
    assert (run.priority, run.sender) == (4, "http:loopback")
    assert '"items": ["x"]' in run.parameters
    assert pages.get(first.headers["location"], headers=HTML).status_code == 200


def test_a_form_that_is_wrong_says_so_at_the_field_and_starts_nothing(
    pages: Browser, stock: Stock
) -> None:
    before = stock.fleet.rows("runs")
    page = opened(pages, "/start/job")
    for items, said in (("no JSON", "is not JSON"), ('"text"', "Input should be a valid list")):
        answer = sent(pages, page, "/start/job", **{"p.items": items})
        assert answer.status_code == 422
        assert said in answer.text
        assert answer.text.count(said) == 1
        (field,) = [f for _, f in Page(answer.text).elements if f.get("id") == "field-items"]
        assert field["aria-invalid"] == "true"
        ids = {f.get("id") for _, f in Page(answer.text).elements}
        assert field["aria-describedby"].split() == ["field-items-hint", "field-items-problem"]
        assert ids.issuperset(field["aria-describedby"].split())
        (summary,) = [f for _, f in Page(answer.text).elements if f.get("id") == "refused"]
        assert "autofocus" in summary
        assert 'href="#field-items"' in answer.text
    assert stock.fleet.rows("runs") == before


def test_a_command_that_a_stop_holds_back_keeps_its_form(pages: Browser, stock: Stock) -> None:
    stock.fleet.client.stop_everything(By("ann", "fire"))
    page = opened(pages, "/start/job")
    answer = sent(pages, page, "/start/job", **{"p.items": '["x"]'})
    assert answer.status_code == 422
    assert "an emergency stop by ann (fire) holds" in answer.text
    assert "[&#34;x&#34;]" in answer.text


def test_a_form_without_its_token_changes_nothing(pages: Browser, stock: Stock) -> None:
    for page in ("/start/job", f"/workflows/{stock.running}", "/agents", "/emergency", "/tokens"):
        for action, fields in opened(pages, page).forms.items():
            if "csrf_token" not in fields or action == "/theme":
                continue
            for token in ("", "0" * 64):
                answer = pages.post(action, data={**fields, "csrf_token": token}, headers=HTML)
                assert answer.status_code == 403, action
    assert stock.fleet.status(stock.running) is R.RUNNING


def test_a_run_is_approved_as_it_was_shown(pages: Browser, stock: Stock) -> None:
    path = f"/workflows/{stock.waiting}"
    page = opened(pages, path)
    wrong = sent(pages, page, f"{path}/approve", shown="0" * 64)
    assert wrong.status_code == 409
    right = sent(pages, page, f"{path}/approve", reason="looks good")
    assert right.status_code == 303
    assert stock.fleet.status(stock.waiting) is R.RUNNING
    (deed,) = stock.fleet.read(lambda s: audit.newest(s, 1))
    assert (deed.actor, deed.action) == ("http:loopback: looks good", "approve")


@pytest.mark.parametrize(
    ("run", "verb", "after"),
    [("running", "pause", R.PAUSED), ("running", "cancel", R.UNDOING),
     ("failed", "retry", R.RUNNING), ("waiting", "reject", R.CANCELLED)],
)  # fmt: skip
def test_a_run_is_changed_by_its_button(
    pages: Browser, stock: Stock, run: str, verb: str, after: R
) -> None:
    run_id = getattr(stock, run)
    path = f"/workflows/{run_id}"
    answer = sent(pages, opened(pages, path), f"{path}/{verb}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?did={verb}")
    assert stock.fleet.status(run_id) is after
    assert opened(pages, answer.headers["location"]).elements


def test_a_fork_is_shown_before_it_is_made(pages: Browser, stock: Stock) -> None:
    path = f"/workflows/{stock.done}/fork"
    page = opened(pages, path)
    nothing = sent(pages, page, path)
    assert "nothing in it would run again" in nothing.text
    before = stock.fleet.rows("runs")
    shown = sent(pages, page, path, **{"p.wanted": "", "from": "second"})
    assert "This is what the fork would do" in shown.text
    assert stock.fleet.rows("runs") == before
    made = sent(pages, Page(shown.text), path, **{"from": "second", "shown": "yes"})
    assert made.status_code == 303
    assert stock.fleet.rows("runs") == before + 1


def test_a_fork_that_is_sent_twice_is_made_once(pages: Browser, stock: Stock) -> None:
    path, confirmed = f"/workflows/{stock.done}/fork", {"from": "second", "shown": "yes"}
    shown = sent(pages, opened(pages, path), path, **{"p.wanted": "", "from": "second"})
    before = stock.fleet.rows("runs")
    page = Page(shown.text)
    first, again = (sent(pages, page, path, **confirmed) for _ in range(2))
    assert first.headers["location"] == again.headers["location"]
    assert stock.fleet.rows("runs") == before + 1
    other = sent(pages, page, path, **{**confirmed, "from": "first"})
    assert other.headers["location"] != first.headers["location"]


def test_many_runs_are_changed_as_they_were_counted(pages: Browser, stock: Stock) -> None:
    for _ in range(3):
        stock.fleet.start("job", {"items": ["more"]})
    query = "?status=running&status=pending&command=job"
    page = opened(pages, f"/workflows{query}")
    preview = sent(pages, page, f"/workflows/bulk{query}", verb="pause")
    assert "Pause 4 runs?" in preview.text
    late = stock.fleet.start("job", {"items": ["late"]})
    refused = sent(pages, Page(preview.text), f"/workflows/apply{query}")
    assert refused.status_code == 409
    assert stock.fleet.status(late) is not R.PAUSED
    preview = sent(pages, page, f"/workflows/bulk{query}", verb="pause")
    done = sent(pages, Page(preview.text), f"/workflows/apply{query}")
    assert done.status_code == 200
    paused = stock.fleet.read(lambda s: listings.count(s, Filter(statuses=(R.PAUSED,)), 100))
    assert paused == 5


def test_as_many_other_runs_are_not_those_that_were_shown(
    pages: Browser, stock: Stock, console: Console
) -> None:
    gone = stock.fleet.start("job", {"items": ["gone"]})
    query = "?status=running&status=pending&command=job"
    preview = sent(
        pages, opened(pages, f"/workflows{query}"), f"/workflows/bulk{query}", verb="pause"
    )
    console.engine.cancel(gone)
    other = stock.fleet.start("job", {"items": ["other"]})
    refused = sent(pages, Page(preview.text), f"/workflows/apply{query}")
    assert refused.status_code == 409
    assert "look again" in refused.text
    assert stock.fleet.status(other) is not R.PAUSED


def test_a_group_of_failures_is_retried_with_one_button(pages: Browser, stock: Stock) -> None:
    answer = sent(pages, opened(pages, "/failures"), "/failures/retry")
    assert "1 run" in answer.text
    assert stock.fleet.status(stock.failed) is R.RUNNING


def test_the_banner_cures_what_a_run_waits_for(pages: Browser, stock: Stock) -> None:
    run_id = stock.fleet.read(lambda s: listings.ids(s, Filter(command="sleepy"), 1))[0]
    page = opened(pages, f"/workflows/{run_id}")
    assert page.forms["/agents/resume"]["agent"] == "sleeper"
    assert sent(pages, page, "/agents/resume").status_code == 303
    assert "/agents/resume" not in opened(pages, f"/workflows/{run_id}").forms


def test_dead_letters_are_discarded_and_replayed(pages: Browser, stock: Stock) -> None:
    page = opened(pages, f"/dead-letters/{stock.letter}")
    again = sent(pages, page, "/dead-letters/replay")
    assert "died again" in again.text
    assert pages.get(f"/dead-letters/{stock.letter}", headers=HTML).status_code == 404
    listed = opened(pages, "/dead-letters")
    before = stock.fleet.rows("dead_letters")
    for action in ("replay", "discard"):
        fields = listed.forms["/dead-letters/replay"]
        none = pages.post(f"/dead-letters/{action}", data=fields, headers=HTML)
        assert none.status_code == 303
        assert "Nothing was marked" in pages.get(none.headers["location"], headers=HTML).text
        unknown = pages.post(f"/dead-letters/{action}", data={**fields, "id": "9" * 5_000})
        assert unknown.status_code == 303
    newest = f"{stock.letter + 1}"
    action = "/dead-letters/discard"
    detail = opened(pages, f"/dead-letters/{newest}")
    assert sent(pages, detail, action).status_code == 200
    assert stock.fleet.rows("dead_letters") == before - 1


def test_schedules_are_added_paused_and_removed(pages: Browser, stock: Stock) -> None:
    url = "/schedules/new/job"
    page = opened(pages, url)
    for part, wrong in (
        ("cron", "never"),
        ("cron", "0 0 30 2 *"),
        ("timezone", "Mars/Base"),
        ("name", "x" * 101),
    ):
        fields = {"name": "daily", "cron": "0 6 * * *", part: wrong}
        answer = sent(pages, page, url, **fields)
        assert answer.status_code == 422
        (field,) = [f for _, f in Page(answer.text).elements if f.get("id") == part]
        assert field["aria-invalid"] == "true"
        assert f"{part}-problem" in field["aria-describedby"].split()
    answer = sent(pages, page, url, name="daily", cron="never", timezone="Mars/Base")
    invalid = [f.get("id") for _, f in Page(answer.text).elements if "aria-invalid" in f]
    assert invalid == ["cron", "timezone"]
    added = sent(pages, page, url, name="daily", cron="0 6 * * *")
    assert added.status_code == 303
    fields = {"name": "daily", "csrf_token": page.forms[url]["csrf_token"]}
    for verb, paused in (("pause", True), ("resume", False)):
        assert pages.post(f"/schedules/{verb}", data=fields, headers=HTML).status_code == 303
        assert stock.fleet.read(lambda s: schedules.get(s, "daily")).paused is paused
    assert pages.post("/schedules/remove", data=fields, headers=HTML).status_code == 303


def test_everything_is_stopped_and_released_by_two_buttons(
    pages: Browser, stock: Stock, console: Console
) -> None:
    assert console.opened.locks.hold("w1"), "the worker lives"
    page = opened(pages, "/emergency")
    assert sent(pages, page, "/emergency/stop", reason="").status_code == 422
    assert sent(pages, page, "/emergency/stop", reason="fire").status_code == 303
    assert "Everything is stopped" in pages.get("/", headers=HTML).text
    assert stock.fleet.status(stock.waiting) is R.CANCELLED
    text = pages.get("/emergency", headers=HTML).text
    assert "May still act" in text
    assert f'href="/workflows/{stock.running}"' in text
    assert sent(pages, opened(pages, "/emergency"), "/emergency/release").status_code == 303
    assert "Everything is stopped" not in pages.get("/", headers=HTML).text

"""The pages: every view opens, nothing that anybody said is markup, and forms do what they say."""

import re
from html.parser import HTMLParser

import httpx
import pytest
from typing_extensions import override

from orchestration.desk import tokens
from orchestration.desk.tokens import Role
from orchestration.engine.by import By
from orchestration.state import RunStatus as R
from orchestration.store import approvals, audit, listings, schedules
from orchestration.store.listings import Filter
from orchestration.web.console import Console
from tests.web.browsing import Browser
from tests.web.conftest import TOKEN, Browse
from tests.web.stock import EVIL, GATED, Stock, app, known

VOID = {"meta", "link", "input", "br", "img", "path", "rect", "circle"}


class Page(HTMLParser):
    """What a page is made of.

    Attributes:
        elements: Every element with its attributes.
        forms: The hidden and other fields of each form, by its action.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: dict[str, dict[str, str]] = {}
        self._open: list[str] = []
        self._form: dict[str, str] | None = None
        self.feed(text)
        assert not self._open, f"left open: {self._open}"

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag == "form":
            self._form = self.forms.setdefault(found.get("action", ""), {})
        stands = found.get("type") != "checkbox" or "checked" in found
        if tag == "input" and self._form is not None and "name" in found and stands:
            self._form[found["name"]] = found.get("value", "")
        if tag not in VOID:
            self._open.append(tag)

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if tag not in VOID:
            assert self._open, f"</{tag}> of nothing"
            assert self._open.pop() == tag


HTML = {"accept": "text/html"}


@pytest.fixture
def stock(console: Console) -> Stock:
    return Stock(console.opened.store)


@pytest.fixture
def pages(browse: Browse, stock: Stock) -> Browser:
    del stock
    return browse(app=app)


def opened(browser: Browser, url: str) -> Page:
    answer = browser.get(url, headers=HTML)
    assert answer.status_code == 200, (url, answer.status_code, answer.text[-600:])
    return Page(answer.text)


def sent(browser: Browser, page: Page, action: str, **fields: str | None) -> httpx.Response:
    """A form of a page as a browser sends it, with some fields filled in, or None left out."""
    filled = {**page.forms[action], **fields}
    data = {name: value for name, value in filled.items() if value is not None}
    return browser.post(action, data=data, headers=HTML)


def test_every_view_opens_and_nothing_that_was_said_is_markup(pages: Browser, stock: Stock) -> None:
    for name, url in known(stock).items():
        page = opened(pages, url)
        for tag, attributes in page.elements:
            assert tag != "img", name
            assert not any(each.startswith("on") for each in attributes), (name, tag)
            assert "style" not in attributes, (name, tag)
            for each in ("href", "src", "action", "formaction"):
                assert not attributes.get(each, "/").lower().startswith("javascript:"), name
                assert "//" not in attributes.get(each, ""), (name, "goes elsewhere")
        scripts = [attributes for tag, attributes in page.elements if tag == "script"]
        assert all(each["src"].startswith("/static/") for each in scripts), name


def test_every_field_has_a_label_and_every_id_is_there_once(pages: Browser, stock: Stock) -> None:
    for name, url in known(stock).items():
        elements = opened(pages, url).elements
        ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
        assert sorted(ids) == sorted(set(ids)), name
        labels = {attributes.get("for") for tag, attributes in elements if tag == "label"}
        text = pages.get(url, headers=HTML).text
        for tag, attributes in elements:
            if tag not in {"input", "select", "textarea"} or attributes.get("type") == "hidden":
                continue
            within = (
                rf'<label[^>]*>(?:(?!</label>).)*name="{re.escape(attributes.get("name", "?"))}"'
            )
            labelled = attributes.get("id") in labels or re.search(within, text, re.DOTALL)
            assert labelled or "aria-label" in attributes, (name, attributes)
        assert sum(tag == "h1" for tag, _ in elements) == 1, name


def test_hostile_words_are_shown_as_they_are(pages: Browser, stock: Stock) -> None:
    shown = pages.get(known(stock)["failed"], headers=HTML).text
    assert "&lt;script&gt;alert(1)" in shown
    assert EVIL not in shown


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
    newest = f"{stock.letter + 1}"
    action = "/dead-letters/discard"
    detail = opened(pages, f"/dead-letters/{newest}")
    assert sent(pages, detail, action).status_code == 200
    assert stock.fleet.rows("dead_letters") == before - 1


def test_schedules_are_added_paused_and_removed(pages: Browser, stock: Stock) -> None:
    url = "/schedules/new/job"
    page = opened(pages, url)
    for part, wrong in (("cron", "never"), ("timezone", "Mars/Base"), ("name", "x" * 101)):
        fields = {"name": "daily", "cron": "0 6 * * *", part: wrong}
        answer = sent(pages, page, url, **fields)
        assert answer.status_code == 422
        (field,) = [f for _, f in Page(answer.text).elements if f.get("id") == part]
        assert field["aria-invalid"] == "true"
        assert f"{part}-problem" in field["aria-describedby"].split()
    added = sent(pages, page, url, name="daily", cron="0 6 * * *")
    assert added.status_code == 303
    fields = {"name": "daily", "csrf_token": page.forms[url]["csrf_token"]}
    for verb, paused in (("pause", True), ("resume", False)):
        assert pages.post(f"/schedules/{verb}", data=fields, headers=HTML).status_code == 303
        assert stock.fleet.read(lambda s: schedules.get(s, "daily")).paused is paused
    assert pages.post("/schedules/remove", data=fields, headers=HTML).status_code == 303


def test_everything_is_stopped_and_released_by_two_buttons(pages: Browser, stock: Stock) -> None:
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


@pytest.mark.parametrize("role", list(Role))
def test_nobody_sees_a_button_that_is_not_for_him(
    browse: Browse, stock: Stock, console: Console, role: Role
) -> None:
    made = tokens.add(console.engine, f"a-{role}", role, By("test"))
    browser = browse(app=app)
    login = opened(browser, "/login")
    assert sent(browser, login, "/login", token=made).status_code == 303
    for name, url in known(stock).items():
        answer = browser.get(url, headers=HTML)
        if answer.status_code == 403:
            continue
        for action in Page(answer.text).forms:
            if action in {"/theme", "/logout", "/login"} or not action:
                continue
            decides = action.endswith(("/approve", "/reject", "/emergency/release"))
            needed = Role.APPROVER if decides else Role.OPERATOR
            needed = Role.ADMIN if action.startswith("/tokens") else needed
            is_search = action in {"/workflows", "/audit", "/schedules"}
            assert is_search or role.covers(needed), (name, action)
    refused = browser.post(
        f"/workflows/{stock.running}/cancel",
        data={"csrf_token": opened(browser, "/").forms["/theme"]["csrf_token"]},
        headers=HTML,
    )
    assert refused.status_code == (303 if role.covers(Role.OPERATOR) else 403)


@pytest.mark.parametrize("role", list(Role))
def test_a_stop_is_released_by_an_approver_by_either_door(
    browse: Browse, console: Console, role: Role
) -> None:
    made = tokens.add(console.engine, f"a-{role}", role, By("test"))
    program, person = browse(), browse()
    assert sent(person, opened(person, "/login"), "/login", token=made).status_code == 303
    csrf = {"csrf_token": opened(person, "/").forms["/theme"]["csrf_token"]}
    bearer = {"Authorization": f"Bearer {made}"}
    console.engine.stop_everything(By("test", "fire"))
    seen = "/emergency/release" in opened(person, "/emergency").forms
    by_page = person.post("/emergency/release", data=csrf, headers=HTML).status_code
    console.engine.stop_everything(By("test", "fire"))
    by_api = program.post("/orchestration/emergency/release", headers=bearer).status_code
    may = role.covers(Role.APPROVER)
    assert (seen, by_page, by_api) == (may, 303 if may else 403, 200 if may else 403)


def test_who_is_not_known_is_asked_and_comes_back(closed: Browser) -> None:
    answer = closed.get("/workflows?status=failed", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fworkflows%3Fstatus%3Dfailed"
    page = opened(closed, answer.headers["location"])
    wrong = sent(closed, page, "/login", token=TOKEN[1:])
    assert wrong.status_code == 401
    assert "opens nothing" in wrong.text
    right = sent(closed, page, "/login", token=TOKEN)
    assert right.headers["location"] == "/workflows?status=failed"
    assert opened(closed, "/workflows").forms["/logout"]
    assert sent(closed, opened(closed, "/"), "/logout").status_code == 303
    assert closed.get("/", headers=HTML).status_code == 303


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_nobody_answers_for_his_own_run(browse: Browse, console: Console, verb: str) -> None:
    browser = browse()
    made = tokens.add(console.engine, "alice", Role.APPROVER, By("test"))
    assert sent(browser, opened(browser, "/login"), "/login", token=made).status_code == 303
    started = sent(browser, opened(browser, "/start/asking"), "/start/asking")
    url = started.headers["location"].partition("?")[0]
    page = opened(browser, url)
    csrf = page.forms["/theme"]["csrf_token"]
    data = {"step": "asked", "shown": "0" * 64, "csrf_token": csrf}
    own = browser.post(f"{url}/{verb}", data=data, headers=HTML)
    assert own.status_code == 403
    assert "somebody else must answer" in own.text
    assert "asked" in console.read(lambda s: approvals.everything(s, 1))[0]


def test_who_started_a_run_is_told_that_others_answer_and_has_no_button_for_it(
    browse: Browse, console: Console
) -> None:
    seen = {}
    for name in ("alice", "bob"):
        seen[name] = browse()
        made = tokens.add(console.engine, name, Role.APPROVER, By("test"))
        login = opened(seen[name], "/login")
        assert sent(seen[name], login, "/login", token=made).status_code == 303
    started = sent(seen["alice"], opened(seen["alice"], "/start/asking"), "/start/asking")
    url = started.headers["location"].partition("?")[0]
    for name, others in (("alice", True), ("bob", False)):
        for place in (url, "/approvals"):
            text = seen[name].get(place, headers=HTML).text
            forms = Page(text).forms
            assert (f"{url}/approve" in forms, f"{url}/reject" in forms) == (not others,) * 2
            assert ("somebody else must answer" in text) == others


@pytest.mark.parametrize("after", ["//evil.example", "https://evil.example", "/\\evil", "x"])
def test_a_login_leads_nowhere_else(closed: Browser, after: str) -> None:
    page = opened(closed, "/login")
    answer = sent(closed, page, "/login", token=TOKEN, next=after)
    assert answer.headers["location"] == "/"


def test_what_an_open_page_fetches_again_tells_of_a_stop(pages: Browser, stock: Stock) -> None:
    """The banner and the badges are parts, and every page that can be loaded again does so."""
    for name, url in known(stock).items():
        if name == "login":
            continue
        elements = opened(pages, url).elements
        body = next(found for tag, found in elements if tag == "body")
        assert int(body["data-every"]) <= 15, name
        frame = {found["data-part"] for _, found in elements if "data-frame" in found}
        assert frame == {"views", "stopped"}, name


def test_buttons_that_do_the_same_to_different_things_are_told_apart(
    pages: Browser, stock: Stock
) -> None:
    elements = opened(pages, known(stock)["agents"]).elements
    names = [
        found.get("aria-label")
        for tag, found in elements
        if tag == "summary" and "button" in found.get("class", "")
    ]
    assert "Pause worker" in names
    assert len(names) == len(set(names))


def test_a_run_tells_how_long_it_took_in_all(pages: Browser, stock: Stock) -> None:
    text = pages.get(f"/workflows/{stock.done}", headers=HTML).text
    assert "created " in text
    assert "in all</span>" in text
    assert 'marker-end="url(#arrow)"' in text


def test_the_colours_are_chosen_without_a_script(pages: Browser) -> None:
    page = opened(pages, "/agents")
    assert page.forms["/theme"]["theme"] == "dark"
    answer = sent(pages, page, "/theme")
    assert answer.headers["location"] == "/agents"
    assert 'data-theme="dark"' in pages.get("/agents", headers=HTML).text


@pytest.mark.parametrize(
    "path",
    ["/workflows/nothing", "/workflows/..%2f..%2fetc", "/dead-letters/0",
     "/dead-letters/99999999999999999999", "/start/nothing", "/static/0/console.css",
     "/static/x/..%2f__init__.py"],
)  # fmt: skip
def test_what_is_not_there_is_said_in_a_page(pages: Browser, path: str) -> None:
    answer = pages.get(path, headers=HTML)
    assert answer.status_code in {404, 422}
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "query", ["status=nonsense&span=9y", "after=nan~x", "after=~", "q=%00&command=%27", "after=1~x"]
)
def test_an_odd_filter_breaks_nothing(pages: Browser, query: str) -> None:
    assert pages.get(f"/workflows?{query}", headers=HTML).status_code == 200


def test_pages_of_runs_follow_each_other(pages: Browser, stock: Stock) -> None:
    for _ in range(60):
        stock.fleet.start(GATED)
    first = pages.get("/workflows", headers=HTML).text
    (older,) = re.findall(r'href="(/workflows\?after=[^"]+)" rel="next"', first)
    second = pages.get(older.replace("&amp;", "&"), headers=HTML).text
    shown = re.findall(r'name="id" value="([^"]+)"', first + second)
    assert len(shown) == len(set(shown)) == stock.fleet.rows("runs")

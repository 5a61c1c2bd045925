"""The pages show everybody what is his to do, and refuse the rest."""

from urllib.parse import urlencode

import pytest

from orchestration.desk import tokens
from orchestration.desk.tokens import Role
from orchestration.engine.by import By
from orchestration.store import approvals
from orchestration.web.console import Console
from tests.web.browsing import Browser
from tests.web.conftest import TOKEN, Browse
from tests.web.stock import Stock, app, known
from tests.web.visiting import HTML, Page, opened, sent


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


@pytest.mark.parametrize(
    "after", ["//evil.example", "https://evil.example", "/\\evil", "/\t/evil", "//[", "x"]
)
def test_a_login_leads_nowhere_else(closed: Browser, after: str) -> None:
    page = opened(closed, f"/login?{urlencode({'next': after})}")
    assert page.forms["/login"]["next"] == "/"
    answer = sent(closed, page, "/login", token=TOKEN, next=after)
    assert answer.headers["location"] == "/"

"""The pages: every view opens, and nothing that anybody said is markup."""

import re
from datetime import timedelta

import pytest

from orchestration.circuit import Circuit, CircuitState
from orchestration.store import agents, circuits
from orchestration.web.console import Console
from tests.web.browsing import Browser
from tests.web.stock import EVIL, GATED, Stock, known
from tests.web.visiting import HTML, opened, sent


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


def test_an_open_circuit_is_told_with_its_cure(pages: Browser, console: Console) -> None:
    broken = Circuit(CircuitState.OPEN, 10, timedelta(hours=1), console.clock.now())
    console.opened.store.write(lambda s: circuits.save(s, "worker", broken))
    text = pages.get("/agents", headers=HTML).text
    assert "the circuit of agent worker is open until " in text
    assert "<code>orchestrate agents resume worker</code> closes it now" in text


def test_a_run_tells_how_long_it_took_in_all(pages: Browser, stock: Stock) -> None:
    text = pages.get(f"/workflows/{stock.done}", headers=HTML).text
    assert "created " in text
    assert "in all</span>" in text
    assert 'marker-end="url(#arrow)"' in text


def test_an_undo_is_told_from_the_step_that_it_undoes(pages: Browser, stock: Stock) -> None:
    stock.worker.complete(stock.claim)
    stock.fleet.client.cancel(stock.running)
    stock.fleet.work_off(stock.worker)
    text = pages.get(f"/workflows/{stock.running}", headers=HTML).text
    line = text[text.index('id="timeline"') : text.index('data-part="graph"')]
    assert line.count("<strong>undo of first") == 1
    assert "<td>undo of first</td>" in text[text.index('data-part="events"') :]


def test_a_field_that_is_called_like_an_undo_is_shown_as_it_is(
    pages: Browser, stock: Stock, console: Console
) -> None:
    """What an agent says comes from anybody on the bus."""
    deep, now = "undo." * 1_000, console.clock.now()
    metrics = {"undo.count": 1.0, deep: 2.0}
    run_id = stock.fleet.start("job")
    stock.fleet.work_off(stock.fleet.worker("w2"), lambda _: {"undo.rows": 1, deep: 2})
    console.opened.store.write(lambda s: agents.beat(s, "worker", "running", metrics, now))
    fleet, run = (pages.get(each, headers=HTML) for each in ("/agents", f"/workflows/{run_id}"))
    assert (fleet.status_code, run.status_code) == (200, 200)
    assert ">undo.count</dt>" in fleet.text
    assert ">undo.rows</dt>" in run.text


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


def test_older_runs_are_of_every_status_that_was_asked_for(pages: Browser, stock: Stock) -> None:
    made = {stock.fleet.start(GATED) for _ in range(60)}
    query = "status=pending&status=running&status=waiting"
    first = pages.get(f"/workflows?{query}", headers=HTML).text
    (older,) = re.findall(r'href="(/workflows\?[^"]+)" rel="next"', first)
    assert older.startswith(f"/workflows?{query.replace('&', '&amp;')}&amp;after=")
    second = pages.get(older.replace("&amp;", "&"), headers=HTML).text
    shown = re.findall(r'name="id" value="([^"]+)"', first + second)
    assert {*made, stock.running, stock.waiting} <= set(shown)
    assert not {stock.done, stock.failed} & set(shown)


def test_half_a_character_of_an_agent_is_shown_as_a_question_mark(
    pages: Browser, stock: Stock
) -> None:
    """JSON can say a lone surrogate, and UTF-8 cannot."""
    run_id = stock.fleet.start("job")
    stock.fleet.work_off(stock.fleet.worker("w2"), lambda _: {"said": "half \ud800"})
    answer = pages.get(f"/workflows/{run_id}", headers=HTML)
    assert answer.status_code == 200
    assert "half ?" in answer.text


@pytest.mark.parametrize("listing", ["/audit", "/dead-letters", "/workflows/{0.done}/events"])
def test_nothing_is_before_a_number_that_no_store_knows(
    pages: Browser, stock: Stock, listing: str
) -> None:
    path = listing.format(stock)
    assert pages.get(f"{path}?before={2**63 - 1}", headers=HTML).status_code == 200
    assert pages.get(f"{path}?before={2**63}", headers=HTML).status_code == 422

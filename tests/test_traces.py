"""One trace from the command through every step, and nothing at all where nobody asks for it."""

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orchestration import Agent, App, Context, Retry, Step, Workflow, logs, traces
from orchestration.errors import ConfigurationError
from orchestration.settings import load
from orchestration.store import traces as table
from orchestration.telemetry import Telemetry
from orchestration.testbed import Fleet
from orchestration.traces import Untraced, tracer

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def act(_context: Context) -> None: ...


def crash(_context: Context) -> None:
    raise OSError("it broke")


RETRY = Retry(attempts=2, delay=timedelta(seconds=1))
APP = App(
    agents=[Agent("smith", actions={"act": act, "crash": crash})],
    workflows=[
        Workflow("order", steps=[Step("one", "smith", "act"), Step("two", "smith", "act")]),
        Workflow("bad", steps=[Step("broken", "smith", "crash", retry=RETRY)]),
    ],
)


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    found = InMemorySpanExporter()
    with traces.told_to(Telemetry(SimpleSpanProcessor(found), "tests")):
        yield found


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    found = Fleet(APP)
    yield found
    found.close()


def told(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def test_a_run_is_one_trace(exporter: InMemorySpanExporter, fleet: Fleet) -> None:
    with tracer().within(CALLER):
        fleet.start("order")
    fleet.engine.count_events()
    spans = exporter.get_finished_spans()
    assert {f"{span.context.trace_id:032x}" for span in spans if span.context} == {CALLER[3:35]}
    found = told(exporter)
    assert f"{parent_of(found['send order']):016x}" == CALLER[36:52]
    assert parent_of(found["order"]) == id_of(found["send order"])
    steps = [span for span in spans if span.name == "smith.act"]
    assert [parent_of(span) for span in steps] == [id_of(found["order"])] * 2


def test_a_span_says_which_attempt_it_is(exporter: InMemorySpanExporter, fleet: Fleet) -> None:
    run = fleet.start("bad")
    fleet.advance(timedelta(minutes=1))
    fleet.engine.count_events()
    attempts = [span for span in exporter.get_finished_spans() if span.name == "smith.crash"]
    assert [dict(span.attributes or {}) for span in attempts] == [
        {
            "workflow.id": run.workflow_id,
            "workflow.step": "broken",
            "workflow.branch": 0,
            "workflow.attempt": number,
        }
        for number in (1, 2)
    ]
    assert {span.status.status_code.name for span in attempts} == {"ERROR"}
    assert [event.name for span in attempts for event in span.events] == ["exception"] * 2
    assert told(exporter)["bad"].status.status_code.name == "ERROR"


def test_no_secret_gets_into_a_span(fleet: Fleet) -> None:
    found, mask = InMemorySpanExporter(), load({"POLYGON_API_KEY": "a-long-secret"}).mask
    fleet.fail_next("smith", "act", OSError("a-long-secret is wrong"))
    with traces.told_to(Telemetry(SimpleSpanProcessor(found), "tests", mask)):
        fleet.start("order")
    (event,) = [event for span in found.get_finished_spans() for event in span.events]
    assert "a-long-secret" not in str(event.attributes)
    assert (event.attributes or {})["exception.message"] == "OSError: *** is wrong"


def test_a_run_is_told_once_and_its_retry_is_a_part_of_it(
    exporter: InMemorySpanExporter, fleet: Fleet
) -> None:
    run = fleet.start("bad")
    fleet.advance(timedelta(minutes=1))
    while fleet.engine.count_events():
        pass
    fleet.engine.retry(run.workflow_id)
    fleet.advance(timedelta(minutes=1))
    while fleet.engine.count_events():
        pass
    names = [span.name for span in exporter.get_finished_spans()]
    assert (names.count("bad"), names.count("retry bad")) == (1, 1)
    assert parent_of(told(exporter)["retry bad"]) == id_of(told(exporter)["bad"])


def test_a_run_lasts_from_its_acceptance_to_its_end(
    exporter: InMemorySpanExporter, fleet: Fleet
) -> None:
    fleet.start("bad")
    fleet.advance(timedelta(minutes=1))
    fleet.engine.count_events()
    span = told(exporter)["bad"]
    assert span.start_time is not None
    assert span.end_time is not None
    assert 1e9 <= span.end_time - span.start_time < 2e9


def test_a_run_that_nobody_traced_is_not_told(fleet: Fleet) -> None:
    found = InMemorySpanExporter()
    fleet.start("order")
    with traces.told_to(Telemetry(SimpleSpanProcessor(found), "tests")):
        fleet.engine.count_events()
    assert found.get_finished_spans() == ()


@pytest.mark.parametrize("rubbish", ["", "no", "00-0-0-00", "00-" + "0" * 32 + "-" + "0" * 16])
def test_rubbish_begins_a_trace_of_its_own(
    exporter: InMemorySpanExporter, fleet: Fleet, rubbish: str
) -> None:
    with tracer().within(rubbish):
        fleet.start("order")
    assert parent_of(told(exporter)["send order"]) is None


def test_what_a_step_logs_names_the_trace(exporter: InMemorySpanExporter) -> None:
    seen = []

    def log(_context: Context) -> None:
        seen.append(logs.subject(logging.makeLogRecord({})))

    fleet = Fleet(
        App(
            agents=[Agent("smith", actions={"log": log})],
            workflows=[Workflow("order", steps=[Step("one", "smith", "log")])],
        )
    )
    fleet.start("order")
    (span,) = [span for span in exporter.get_finished_spans() if span.name == "smith.log"]
    assert span.context is not None
    assert seen[0]["trace_id"] == f"{span.context.trace_id:032x}"
    assert (seen[0]["step"], seen[0]["attempt"]) == ("one", 1)
    fleet.close()


def test_where_nobody_asks_nothing_is_kept(fleet: Fleet) -> None:
    run = fleet.start("order")
    assert isinstance(tracer(), Untraced)
    assert fleet.engine.store.read(lambda s: table.of_run(s, run.workflow_id)) is None
    traces.begin(load({}))
    assert not tracer().on


def test_what_is_asked_for_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise ModuleNotFoundError

    found = load({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    monkeypatch.setattr(traces, "import_module", missing)
    with pytest.raises(ConfigurationError, match=r"fleet-orchestration\[otel\]"):
        traces.begin(found)

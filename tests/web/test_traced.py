"""A run that is asked for over HTTP belongs to its caller's trace."""

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orchestration import traces
from orchestration.telemetry import Telemetry
from tests.web.browsing import Browser

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


def test_a_command_is_a_part_of_its_caller_s_trace(http: Browser) -> None:
    found = InMemorySpanExporter()
    with traces.told_to(Telemetry(SimpleSpanProcessor(found), "tests")):
        wish = {"command": "job", "parameters": {}}
        answer = http.post("/orchestration/commands", json=wish, headers=CALLER)
    assert answer.status_code == 202, answer.text
    (span,) = found.get_finished_spans()
    assert span.context is not None
    assert (span.name, f"{span.context.trace_id:032x}") == ("send job", TRACE)


def test_where_nobody_traces_the_header_changes_nothing(http: Browser) -> None:
    assert http.get("/orchestration/status", headers=CALLER).status_code == 200

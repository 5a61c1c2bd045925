"""Traces by OpenTelemetry: the only module that imports it; it comes with the extra `otel`.

A run has a span of its own that no process could hold open: its id is chosen when the run is asked
for and kept in the store, every attempt names it as its parent, and the process that counts the
run's end exports the span.
"""

import secrets
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from typing_extensions import override

from orchestration import logs
from orchestration.traces import HEADER, Attributes, Ended, Trace

FLUSH_MS = 5_000
NANO = 1_000_000_000
_chosen: ContextVar[int | None] = ContextVar("chosen", default=None)
_texts = TraceContextTextMapPropagator()


class ChosenIds(RandomIdGenerator):
    """Random ids, except for a run's span, whose id was chosen before."""

    @override
    def generate_span_id(self) -> int:
        return _chosen.get() or super().generate_span_id()


class Telemetry:
    """Exports spans by OpenTelemetry.

    Args:
        processor: Where the spans go.
        name: The name of the service.
        mask: Takes every configured secret out of a text.
    """

    on = True

    def __init__(
        self, processor: SpanProcessor, name: str, mask: Callable[[str], str] = str
    ) -> None:
        self._mask = mask
        resource = Resource.create({"service.name": name})
        self._provider = TracerProvider(resource=resource, id_generator=ChosenIds())
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("orchestration")

    @contextmanager
    def within(self, traceparent: str | None) -> Iterator[None]:
        """Make spans of the block children of the span in `traceparent`, unless it is malformed."""
        token = contexts.attach(context_of(traceparent)) if traceparent else None
        try:
            yield
        finally:
            if token is not None:
                contexts.detach(token)

    def send(self, command: str, run_id: str) -> Trace:
        """Record that a run is asked for, within the current span."""
        about = {"workflow.id": run_id, "workflow.command": command}
        span = self._tracer.start_span(f"send {command}", kind=SpanKind.PRODUCER, attributes=about)
        span.end()
        parent = span.get_span_context()
        number, flags = secrets.randbits(63) + 1, parent.trace_flags
        own = SpanContext(parent.trace_id, number, is_remote=True, trace_flags=flags)
        return Trace(text_of(own), text_of(parent))

    @contextmanager
    def attempt(self, trace_: Trace | None, name: str, about: Attributes) -> Iterator[None]:
        """Record the block as an attempt at a step; an untraced run begins a trace here."""
        parent = context_of(trace_.own) if trace_ else Context()
        named = {f"workflow.{key}": value for key, value in about.items()}
        with self._tracer.start_as_current_span(name, parent, SpanKind.CONSUMER, named) as span:
            number = span.get_span_context().trace_id
            with logs.about(trace_id=f"{number:032x}"):
                yield

    def failed(self, error: BaseException) -> None:
        """Record that the current attempt has failed."""
        span, kind = trace.get_current_span(), type(error).__name__
        message = traceback.format_exception_only(error)[-1].strip()
        texts = {"message": message, "stacktrace": "".join(traceback.format_exception(error))}
        told = {f"exception.{name}": self._mask(text) for name, text in texts.items()}
        span.add_event("exception", {"exception.type": kind, **told})
        span.set_status(Status(StatusCode.ERROR, kind))

    def ended(self, trace_: Trace, run: Ended) -> None:
        """Record a whole run: at its first end as the span that is its attempts' parent."""
        own = trace.get_current_span(context_of(trace_.own)).get_span_context()
        parent = context_of(trace_.own if run.again else trace_.parent)
        token = _chosen.set(None if run.again else own.span_id)
        try:
            span = self._tracer.start_span(
                f"retry {run.command}" if run.again else run.command,
                parent,
                attributes={"workflow.id": run.id, "workflow.status": run.status},
                start_time=int(run.began.timestamp() * NANO),
            )
        finally:
            _chosen.reset(token)
        if run.status == "failed":
            span.set_status(Status(StatusCode.ERROR))
        span.end(int(run.ended.timestamp() * NANO))

    def flush(self) -> None:
        """Wait up to `FLUSH_MS` until every span has left."""
        self._provider.force_flush(FLUSH_MS)


def exporting(name: str, mask: Callable[[str], str]) -> Telemetry:
    """Telemetry that exports to the address in OpenTelemetry's own variables."""
    return Telemetry(BatchSpanProcessor(OTLPSpanExporter()), name, mask)


def context_of(traceparent: str) -> Context:
    """The context that a `traceparent` names; an empty one if it is malformed."""
    return _texts.extract({HEADER: traceparent}, Context())


def text_of(span: SpanContext) -> str:
    """A span as a `traceparent`."""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"

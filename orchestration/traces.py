"""Traces: one for each run, from whoever asked for it through every step, in any process.

This half knows no library. Where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, `orchestration.telemetry`
takes the place of what does nothing here, and only then is anything read or written for it.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Protocol

from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.text import extra

EXTRA = f"OTEL_EXPORTER_OTLP_ENDPOINT needs OpenTelemetry: {extra('otel')}"
HEADER = "traceparent"
Attributes = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a run is in a trace, as W3C's `traceparent`.

    Attributes:
        own: The run's own span: what its steps are parts of.
        parent: The span of the command.
    """

    own: str
    parent: str


class Tracer(Protocol):
    """What spans are told to."""

    @property
    def on(self) -> bool:
        """Whether anything comes of it, so that it is worth a look into the store."""
        ...

    def within(self, traceparent: str | None) -> AbstractContextManager[None]:
        """Let what is begun in the block belong to somebody else's span."""
        ...

    def send(self, command: str, run_id: str) -> Trace | None:
        """Tell that a run is asked for."""
        ...

    def attempt(
        self, trace: Trace | None, name: str, about: Attributes
    ) -> AbstractContextManager[None]:
        """Tell of an attempt at a step, which is the block."""
        ...

    def failed(self, error: BaseException) -> None:
        """Tell that the attempt that is under way has failed."""
        ...

    def ended(self, trace: Trace, run: "Ended") -> None:
        """Tell of a whole run."""
        ...

    def flush(self) -> None:
        """See that everything that was told leaves before the process ends."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that ended.

    Attributes:
        again: Whether it had ended before, and was retried.
    """

    id: str
    command: str
    status: str
    began: datetime
    ended: datetime
    again: bool


class Untraced:
    """Tells nobody anything."""

    on = False

    @contextmanager
    def within(self, traceparent: str | None) -> Iterator[None]:  # noqa: ARG002
        """Do the block."""
        yield

    def send(self, command: str, run_id: str) -> None:
        """Tell nobody."""

    @contextmanager
    def attempt(self, trace: Trace | None, name: str, about: Attributes) -> Iterator[None]:  # noqa: ARG002
        """Do the block."""
        yield

    def failed(self, error: BaseException) -> None:
        """Tell nobody."""

    def ended(self, trace: Trace, run: Ended) -> None:
        """Tell nobody."""

    def flush(self) -> None:
        """Nothing is under way."""


_tracers: list[Tracer] = [Untraced()]


def tracer() -> Tracer:
    """What spans of this process are told to."""
    return _tracers[-1]


def begin(settings: Settings) -> None:
    """Trace in this process from now on, if the settings say where to; once.

    Raises:
        ConfigurationError: They do, but OpenTelemetry is not installed.
    """
    if settings.otel_exporter_otlp_endpoint is None or tracer().on:
        return
    try:
        telemetry = import_module("orchestration.telemetry")
    except ModuleNotFoundError:
        raise ConfigurationError(EXTRA) from None
    _tracers.append(telemetry.exporting(settings.otel_service_name, settings.mask))


@contextmanager
def told_to(other: Tracer) -> Iterator[None]:
    """Tell spans to another tracer, until the block ends."""
    _tracers.append(other)
    try:
        yield
    finally:
        _tracers.remove(other)

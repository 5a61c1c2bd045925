"""Traces: one for each run, from its command through every step, in any process.

This module imports no library. If `OTEL_EXPORTER_OTLP_ENDPOINT` is set, `orchestration.telemetry`
takes the place of `Untraced`, and only then is anything read or written for traces.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Protocol

from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.text import adding

EXTRA = f"OTEL_EXPORTER_OTLP_ENDPOINT needs OpenTelemetry: {adding('otel')}"
HEADER = "traceparent"
Attributes = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Trace:
    """A run's place in a trace, as W3C's `traceparent`.

    Attributes:
        own: The run's own span, the parent of its attempts.
        parent: The span of the command.
    """

    own: str
    parent: str


class Tracer(Protocol):
    """Records spans."""

    @property
    def on(self) -> bool:
        """Whether spans are recorded, so that it is worth a look into the store."""
        ...

    def within(self, traceparent: str | None) -> AbstractContextManager[None]:
        """Make spans of the block children of the span in `traceparent`."""
        ...

    def send(self, command: str, run_id: str) -> Trace | None:
        """Record that a run is asked for."""
        ...

    def attempt(
        self, trace: Trace | None, name: str, about: Attributes
    ) -> AbstractContextManager[None]:
        """Record the block as an attempt at a step."""
        ...

    def failed(self, error: BaseException) -> None:
        """Record that the current attempt has failed."""
        ...

    def ended(self, trace: Trace, run: "Ended") -> None:
        """Record a whole run."""
        ...

    def flush(self) -> None:
        """Let recorded spans leave before the process ends."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that ended.

    Attributes:
        again: Whether the run had ended before, and was retried.
    """

    id: str
    command: str
    status: str
    began: datetime
    ended: datetime
    again: bool


class Untraced:
    """Records nothing."""

    on = False

    @contextmanager
    def within(self, traceparent: str | None) -> Iterator[None]:  # noqa: ARG002
        """Run the block."""
        yield

    def send(self, command: str, run_id: str) -> None:
        """Record nothing."""

    @contextmanager
    def attempt(self, trace: Trace | None, name: str, about: Attributes) -> Iterator[None]:  # noqa: ARG002
        """Run the block."""
        yield

    def failed(self, error: BaseException) -> None:
        """Record nothing."""

    def ended(self, trace: Trace, run: Ended) -> None:
        """Record nothing."""

    def flush(self) -> None:
        """Do nothing: nothing is under way."""


_tracers: list[Tracer] = [Untraced()]


def tracer() -> Tracer:
    """The tracer of this process."""
    return _tracers[-1]


def begin(settings: Settings) -> None:
    """Export this process's spans from now on, if the settings name an endpoint; acts once.

    Raises:
        ConfigurationError: The settings say so, but OpenTelemetry is not installed.
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
    """Record spans by another tracer, until the block ends."""
    _tracers.append(other)
    try:
        yield
    finally:
        _tracers.remove(other)

"""The rules of an engine from the settings, and the transport of processes that only write."""

from collections.abc import Sequence

from orchestration.circuit import Tolerance
from orchestration.clock import jitter
from orchestration.definitions import App
from orchestration.engine.transaction import Rules
from orchestration.ports import Dispatch
from orchestration.settings import Settings


class NoRelay:
    """Sends nothing, for processes without a transport: workers send what they write."""

    flows = True

    def send(self, messages: Sequence[Dispatch]) -> None:
        """Do nothing: workers send the messages from their rows."""

    def close(self) -> None:
        """Do nothing: nothing is under way."""


def rules_of(
    settings: Settings,
    me: str,
    *,
    offers: frozenset[str] = frozenset(),
    scope: str | None = None,
    sends: bool = True,
    app: App | None = None,
) -> Rules:
    """The rules of a process's engine; the arguments are those of `Rules`.

    Routes and rates are those of the app; a process without an app sends nothing.
    """
    return Rules(
        me=me,
        offers=offers,
        scope=scope,
        slots=settings.max_concurrent_workflows,
        workflow_timeout=settings.workflow_timeout,
        most_pending=settings.max_pending_per_sender,
        sends=sends,
        by_broker=settings.broker_url is not None,
        outside=frozenset(settings.outside_agents),
        grace=2 * settings.heartbeat_interval,
        silence=settings.timeout_threshold,
        tolerance=Tolerance(settings.agent_circuit_failures, settings.agent_circuit_pause),
        rates=app.rates if app else {},
        routes=app.routes if app and settings.broker_url else (),
        mask=settings.mask,
        jitter=jitter,
    )

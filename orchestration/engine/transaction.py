"""One transaction of the engine: its session, its time, and the messages that leave after it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from orchestration.circuit import Tolerance
from orchestration.definitions import Route
from orchestration.engine.allowance import Allowance
from orchestration.engine.strangers import Strangers
from orchestration.errors import OrchestrationError, StoreError
from orchestration.logs import about
from orchestration.ports import Dispatch, Session, Transport
from orchestration.rate import Rate
from orchestration.store import agents, runs
from orchestration.store.steps import StepRow

log = logging.getLogger(__name__)

UNMOVABLE = (  # the drivers of a store raise none of these
    OrchestrationError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings of an engine.

    Attributes:
        me: The name that sends and claims: a worker's incarnation, or a client's name.
        offers: Every `agent.action@version` that this process can do.
        scope: The only run to serve; None: all runs.
        slots: How many runs may be `running` at once.
        workflow_timeout: How long a run may be `running`.
        most_pending: Pending runs of one sender beyond which more are refused.
        sends: Whether this process has a transport; else other processes send what it wrote.
        by_broker: Whether its messages go by RabbitMQ.
        outside: The outside agents: they get their steps on the exchange.
        grace: How soon an outside agent must show that it has a command.
        silence: How long an outside agent may be silent while it works.
        rates: For each agent, how many attempts may begin in which time.
        tolerance: How often an agent may fail before its circuit opens.
        routes: Further recipients of data; none where there is no exchange.
        mask: Takes every configured secret out of a text that is stored or sent.
        jitter: Yields numbers in [0, 1).
    """

    me: str
    offers: frozenset[str] = frozenset()
    scope: str | None = None
    slots: int = 5
    workflow_timeout: timedelta = timedelta(minutes=15)
    most_pending: int = 10_000
    sends: bool = True
    by_broker: bool = False
    outside: frozenset[str] = frozenset()
    grace: timedelta = timedelta(seconds=30)
    silence: timedelta = timedelta(minutes=5)
    rates: Mapping[str, Sequence[Rate]] = field(default_factory=dict)
    tolerance: Tolerance = field(default_factory=Tolerance)
    routes: Sequence[Route] = ()
    mask: Callable[[str], str] = str
    jitter: Callable[[], float]

    def by(self, transport: Transport) -> "Rules":
        """These rules; while the transport carries nothing, other processes have to send."""
        return replace(self, sends=False) if self.sends and not transport.flows else self


@dataclass(slots=True)
class Transaction:
    """A session and what was decided in it.

    Attributes:
        allowance: What senders may still submit; all transactions of an engine share it.
        strangers: Whether more unknown agents may be registered; all transactions share it, too.
        outgoing: Messages that leave once this is committed.
        queues: Queues in which there may now be work to send, or room to send it.
        opened: New branches that are ready, until their run is written.
        slot_freed: Whether a pending run may be able to start.
    """

    session: Session
    now: datetime
    rules: Rules
    allowance: Allowance
    strangers: Strangers
    outgoing: list[Dispatch] = field(default_factory=list)
    queues: set[str] = field(default_factory=set)
    opened: list[StepRow] = field(default_factory=list)
    slot_freed: bool = False

    def admits(self, agent: str) -> bool:
        """Whether an agent's reports are written: it is known, configured, or there is room."""
        if agent in self.rules.outside or agents.is_known(self.session, agent):
            return True
        return self.strangers.have_room(self.session, self.now, self.rules.silence)

    def contain(
        self,
        run_id: str,
        work: Callable[[], object],
        what: str,
        instead: Callable[[], object] | None = None,
    ) -> None:
        """Do one of many pieces of work; if it fails, only its own writes are rolled back.

        One run that cannot move must not hold up the timers of all others: neither one that the
        rules refuse, nor one with unreadable rows, which a newer release or a person has written.
        An error of the store itself fails the whole transaction.

        Args:
            run_id: The run that the work concerns.
            work: The work.
            what: Its name in the log.
            instead: What to do if it fails.
        """
        sent = len(self.outgoing)
        self.session.run("SAVEPOINT contained")
        try:
            work()
        except StoreError:
            raise
        except UNMOVABLE:
            with about(workflow_id=run_id, correlation_id=runs.correlation(self.session, run_id)):
                log.exception("left as it was: %s", what)
            self.session.run("ROLLBACK TO SAVEPOINT contained")
            del self.outgoing[sent:]
            self.opened.clear()
            if instead is not None:
                instead()
        self.session.run("RELEASE SAVEPOINT contained")

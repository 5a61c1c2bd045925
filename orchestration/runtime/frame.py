"""The frame around every action: claim, acknowledge, work, complete, whatever happens."""

import asyncio
import inspect
import logging
import math
import threading
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from pydantic import BaseModel

from orchestration import logs
from orchestration.context import Context, Fleet
from orchestration.definitions import Action, App
from orchestration.engine import Claim, Engine, Held, Report
from orchestration.errors import PermanentError, RejectedError, StoreError
from orchestration.ports import Dispatch
from orchestration.runtime.errand import Attempt, Errand
from orchestration.runtime.gate import Gate
from orchestration.runtime.results import Results
from orchestration.runtime.returned import as_json
from orchestration.runtime.staging import SharedValues, Staging
from orchestration.store import traces
from orchestration.traces import tracer

log = logging.getLogger(__name__)

STORE_PAUSE_S = 1.0
LONGEST_TRACEBACK = 16_000
CUT_OFF_AFTER_S = 8.0
MOMENT_S = 0.5


class Frame:
    """Runs actions of an app in the threads of one process.

    Args:
        app: The agents and their actions.
        engine: Where attempts are claimed and completed.
        fleet: What actions may ask about the fleet.
    """

    def __init__(self, app: App, engine: Engine, fleet: Fleet) -> None:
        self._app = app
        self._engine = engine
        self._fleet = fleet
        self._shared = SharedValues(engine)
        self._gate = Gate()
        self._attempts: dict[Held, Attempt] = {}
        self._stopping = threading.Event()
        self.draining = False
        self.beaten_at = math.inf

    @property
    def cut_off(self) -> bool:
        """Whether the last beat is so long ago that other workers may soon take over."""
        return self._engine.clock.monotonic() - self.beaten_at > CUT_OFF_AFTER_S

    def waits_in_vain(self) -> bool:
        """Whether this process is cut off, and still so a moment later.

        A process that takes messages it cannot claim would swallow those meant for others.
        """
        if self.cut_off and not self.draining:
            self._stopping.wait(MOMENT_S)
        return self.cut_off and not self.draining

    def work(self, dispatch: Dispatch, acknowledge: Callable[[], None]) -> bool:
        """Claim and run the attempt that a message hints at, if it is still queued.

        Args:
            dispatch: The attempt that may be claimed.
            acknowledge: Acknowledges the message; called once the claim is known.

        Returns:
            False if the message must stay unacknowledged: this process takes nothing new.
        """
        held = (dispatch.run_id, dispatch.step, dispatch.branch), dispatch.attempt
        attempt = Attempt(held, object())  # the same message may come twice, to two threads
        with about(held), self._gate.entered(attempt.entered, alone=dispatch.alone):
            if self.draining:
                return False
            if self.cut_off:
                acknowledge()  # its row sends it again, to a worker that beats
                return True
            if self._attempts.setdefault(attempt.held, attempt) is not attempt:
                acknowledge()  # a redelivery: the attempt runs here already
                return True
            errand = Errand(self._attempts, attempt)
            try:
                attempt.claim = self._engine.claim(dispatch)
                acknowledge()
                self._run(errand)
            except StoreError as error:
                log.warning("could not claim %s: %s", dispatch.run_id, error)
            finally:
                errand.go_on(done=False)
        return True

    def held(self) -> frozenset[Held]:
        """Every attempt that runs, or may run, in this process."""
        return frozenset(self._attempts)

    def report(self) -> None:
        """Write progress that is new, and tell attempts whose claims are gone.

        Raises:
            StoreError: It could not be written; the next call does, since silence has an end.
        """
        known = list(self._attempts.values())
        fresh = [(each, each.claim) for each in known if each.dirty and each.claim is not None]
        if not fresh:
            return
        for attempt, _ in fresh:
            attempt.dirty = False  # before it is read: what comes later is written by the next call
        try:
            lost = self._engine.report([as_report(attempt, claim) for attempt, claim in fresh])
        except StoreError:
            for attempt, _ in fresh:
                attempt.dirty = True
            raise
        self.cancel(lost)

    def claimed(self) -> list[Held]:
        """Every attempt whose claim is known to have succeeded."""
        return [attempt.held for attempt in list(self._attempts.values()) if attempt.claim]

    def threads(self) -> dict[int, Held]:
        """By thread, the attempt that it works on."""
        known = list(self._attempts.values())
        return {each.thread: each.held for each in known if each.thread is not None}

    def cancel(self, lost: list[Held]) -> None:
        """Tell attempts that their claims are gone."""
        for held in lost:
            if attempt := self._attempts.get(held):
                attempt.cancelled = True
                self._gate.excuse(attempt.entered)

    def lost_count(self) -> int:
        """How many threads still work on attempts whose claims are lost."""
        return sum(attempt.cancelled for attempt in list(self._attempts.values()))

    def stop(self) -> None:
        """Retry no completion any longer: the process ends, and other workers take over."""
        self._stopping.set()

    def _run(self, errand: Errand) -> None:
        """See each attempt of an errand to its end."""
        while (attempt := errand.attempt) is not None and attempt.claim is not None:
            with about(attempt.held, attempt.claim), self._traced(attempt.claim):
                done = self._perform(attempt, attempt.claim, errand)
                if not done:
                    log.info("%s: its claim was lost, its result is dropped", attempt.held)
            errand.go_on(done=done)

    def _perform(self, attempt: Attempt, claim: Claim, errand: Errand) -> bool:
        """Call the action, and complete or fail the attempt; False if the claim was lost.

        A thread that others wait for takes on no further attempt.
        """
        key, number = attempt.held
        attempt.thread = threading.get_ident()
        try:
            staging = Staging(self._engine, claim.key[1], claim.configures)
            context = self._context(attempt, claim, staging)
            value = as_json(call(self._action(claim), context), f"{claim.agent}.{claim.action}")
            also = staging.staged
            goes_on = not (self.draining or self.cut_off or self._gate.is_closed)
            take_on = errand.take_on if goes_on else None
            return self._persist(lambda: self._engine.complete(key, number, value, also, take_on))
        except BaseException as error:  # noqa: BLE001 - the agent's outermost frame
            errand.take_on(None)
            tracer().failed(error)
            name = type(error).__name__
            permanent = isinstance(error, PermanentError) or name in claim.never_retry
            problem = describe(error)
            return self._persist(
                lambda: self._engine.fail(key, number, problem, retryable=not permanent)
            )

    def _traced(self, claim: Claim) -> AbstractContextManager[None]:
        """Record an attempt as a part of its run's trace."""
        if not tracer().on:
            return nullcontext()
        run_id, step, branch = claim.key
        trace = None
        with suppress(StoreError):  # nothing may raise after a claim
            trace = self._engine.store.read(lambda s: traces.of_run(s, run_id))
        name, place = f"{claim.agent}.{claim.action}", {"id": run_id, "step": step}
        return tracer().attempt(trace, name, {**place, "branch": branch, "attempt": claim.attempt})

    def _persist(self, operation: Callable[[], bool]) -> bool:
        """Write how an attempt ended, trying again for as long as the store is away."""
        while True:
            try:
                return operation()
            except StoreError as error:
                log.error("keeping a result in memory, trying again: %s", error)  # noqa: TRY400
                if self._stopping.wait(STORE_PAUSE_S):
                    return False

    def _action(self, claim: Claim) -> Action:
        return self._app.agent[claim.agent].actions[claim.action]

    def _context(self, attempt: Attempt, claim: Claim, staging: Staging) -> Context:
        run_id, step, _ = claim.key
        extra = {"workflow_id": run_id, "step": step, "attempt": claim.attempt}
        return Context(
            workflow_id=run_id,
            step=step,
            parameters=self._parameters(claim),
            results=Results(self._engine, claim),
            item=claim.item,
            attempt=claim.attempt,
            idempotency_key=claim.idempotency_key,
            log=logging.LoggerAdapter(logging.getLogger(f"orchestration.{claim.agent}"), extra),
            fleet=self._fleet,
            configuration=staging,
            shared=self._shared,
            emitter=staging.emit,
            report=attempt.report,
            is_cancelled=lambda: attempt.cancelled or self.cut_off,
        )

    def _parameters(self, claim: Claim) -> BaseModel:
        workflow = self._app.workflow.get(claim.command)
        if workflow is None:
            raise RejectedError(f"this worker does not know the workflow {claim.command}")
        return workflow.parameters.model_validate_json(claim.parameters)


def about(held: Held, claim: Claim | None = None) -> AbstractContextManager[None]:
    """Let log lines name their attempt, and the message that asked for the run once it is known.

    By the attempt's number, as commands and actions have it: only for people it counts from 1
    after a restore.
    """
    (run_id, step, _), attempt = held
    asked = None if claim is None else claim.correlation_id
    return logs.about(workflow_id=run_id, step=step, attempt=attempt, correlation_id=asked)


def as_report(attempt: Attempt, claim: Claim) -> Report:
    """The progress of a running attempt, for the store."""
    key, number = attempt.held
    return Report(key, number, attempt.fraction, attempt.message, claim.progress_timeout)


def call(action: Action, context: Context) -> Any:
    """Call an action, plain or async, and return its value."""
    value = action(context)
    if inspect.iscoroutine(value):
        return asyncio.run(value)
    return value


def describe(error: BaseException) -> dict[str, str]:
    """An error as it is stored: type, message and traceback; its own `__str__` may be broken."""
    trace = "".join(traceback.format_exception(error))
    name, text = type(error).__name__, traceback.format_exception_only(error)[-1].strip()
    return {
        "type": name,
        "message": text.partition(": ")[2] or name,
        "traceback": trace[-LONGEST_TRACEBACK:],
    }

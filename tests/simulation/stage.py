"""Threads that take turns: one of them runs, and only where chance says who."""

import threading
from collections.abc import Callable
from typing import Any

from orchestration.context import Context
from orchestration.engine import Key
from tests.simulation.faults import CrashError

PATIENCE_S = 20.0
_current = threading.local()


class Stage:
    """A thread of a worker, which stands still while its action is at work.

    Args:
        work: What it does: an errand of the frame.
        began: Told each attempt whose action begins.
    """

    def __init__(self, work: Callable[[], Any], began: Callable[["Stage"], None]) -> None:
        self._work = work
        self._began = began
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._answer: Callable[[], Any] | None = None
        self.context: Context | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    @property
    def is_over(self) -> bool:
        """Whether the errand has ended."""
        return not self._thread.is_alive() and self._thread.ident is not None

    @property
    def key(self) -> Key:
        """The branch that its action works on."""
        assert self.context is not None
        run_id, step = self.context.workflow_id, self.context.step
        place = self.context.idempotency_key.removeprefix(f"{run_id}:{step}")
        return run_id, step, int(place[1:-1]) if place else 0

    def start(self) -> None:
        """Run until an action is at work, or nothing is left."""
        self._thread.start()
        self._wait()

    def answer(self, answer: Callable[[], Any]) -> None:
        """Let the action return or raise this, and run on until the next is at work."""
        self._answer = answer
        self._go.release()
        self._wait()

    def _wait(self) -> None:
        assert self._back.acquire(timeout=PATIENCE_S), "a thread of a worker hangs"
        if self.context is None:
            self._thread.join(PATIENCE_S)
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def act(self, context: Context) -> Any:
        """Be at work until somebody answers."""
        try:
            self.context = context
            self._began(self)
        except BaseException as error:
            self.error = error
            raise
        self._back.release()
        self._go.acquire()
        self.context = None
        assert self._answer is not None
        return self._answer()

    def _run(self) -> None:
        _current.stage = self
        try:
            self.value = self._work()
        except CrashError:
            pass
        except BaseException as error:  # noqa: BLE001 - the simulation's own thread raises it
            self.error = error
        self.context = None
        self._back.release()


def act(context: Context) -> Any:
    """The action of every agent here."""
    stage: Stage = _current.stage
    return stage.act(context)

"""Threads that take turns: one of them runs at a time, and chance says which."""

import threading
from _thread import allocate_lock
from collections.abc import Callable
from typing import Any

from orchestration.context import Context
from orchestration.engine import Key
from tests.simulation.faults import CrashError

PATIENCE_S = 20.0
_current = threading.local()
_idle: list["Hand"] = []


class Hand:
    """A real thread that runs one stage after another: to start a thread takes longer than a claim.

    Attributes:
        wakes: Released when its turn begins.
        yields: Released when its turn is over.
        stage: The stage that it runs.
    """

    def __init__(self) -> None:
        self.wakes, self.yields = allocate_lock(), allocate_lock()
        self.wakes.acquire()
        self.yields.acquire()
        self.stage: Stage | None = None
        threading.Thread(target=self._serve, name="hand", daemon=True).start()

    def _serve(self) -> None:
        while True:
            self.wakes.acquire()
            assert self.stage is not None
            _current.stage = self.stage
            self.stage.run()
            self.stage = _current.stage = None
            _idle.append(self)
            self.yields.release()


class Stage:
    """A simulated thread of a worker, which stands still while its action runs.

    Args:
        work: An errand of the frame, which it does.
        began: Called when an action begins.

    Attributes:
        context: The context of the running action; None: none runs.
        is_over: Whether the errand has ended.
    """

    def __init__(self, work: Callable[[], Any], began: Callable[["Stage"], None]) -> None:
        self._work = work
        self._began = began
        self._hand = _idle.pop() if _idle else Hand()
        self._answer: Callable[[], Any] | None = None
        self.context: Context | None = None
        self.error: BaseException | None = None
        self.is_over = False

    @property
    def key(self) -> Key:
        """The branch that its action works on."""
        assert self.context is not None
        run_id, step = self.context.workflow_id, self.context.step
        place = self.context.idempotency_key.removeprefix(f"{run_id}:{step}")
        return run_id, step, int(place[1:-1]) if place else 0

    def start(self) -> None:
        """Run until an action has begun, or the errand is over."""
        self._hand.stage = self
        self._turn()

    def answer(self, answer: Callable[[], Any]) -> None:
        """Let the action end by calling `answer`, and run on until the next one has begun."""
        self._answer = answer
        self._turn()

    def _turn(self) -> None:
        hand = self._hand
        hand.wakes.release()
        assert hand.yields.acquire(timeout=PATIENCE_S), "a thread of a worker hangs"
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def act(self, context: Context) -> Any:
        """Wait in the action until its answer is given."""
        try:
            self.context = context
            self._began(self)
        except BaseException as error:
            self.error = error
            raise
        self._hand.yields.release()
        self._hand.wakes.acquire()
        self.context = None
        assert self._answer is not None
        return self._answer()

    def run(self) -> None:
        """Do the errand; only its hand calls this."""
        try:
            self._work()
        except CrashError:
            pass
        except BaseException as error:  # noqa: BLE001 - the simulation's own thread raises it
            self.error = error
        self.context = None
        self.is_over = True


def act(context: Context) -> Any:
    """The action of every agent here."""
    stage: Stage = _current.stage
    return stage.act(context)

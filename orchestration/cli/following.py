"""Follow a run in the store to its end, and show each change."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from orchestration import settings
from orchestration.cli.exits import complain
from orchestration.desk.explaining import explain
from orchestration.errors import StoreError
from orchestration.patience import Patience
from orchestration.runtime.watch import Changes
from orchestration.store.connect import Opened
from orchestration.views import progress
from orchestration.views.blocker import Blocker
from orchestration.views.progress import Picture

LOOK_EVERY_S = 0.05
EXPLAIN_EVERY_S = 2.0
T = TypeVar("T")


class Display(AbstractContextManager["Display"], Protocol):
    """Shows a run while it goes on."""

    def show(self, picture: Picture) -> None:
        """Show the run as it is now; called often, whether or not it has changed."""
        ...

    def note(self, blocker: Blocker) -> None:
        """Say what the run waits for."""
        ...


def follow(opened: Opened, run_id: str, display: Display) -> Picture:
    """Show a run until it has ended.

    Raises:
        NotFoundError: There is no such run.
        StoreError: The store has been away for long.
        KeyboardInterrupt: The user has pressed Ctrl-C; the run goes on.
    """

    def look() -> Picture:
        return opened.store.read(lambda s: progress.picture(s, run_id))

    changes, silence = Changes(opened.store), Silence()
    picture = patiently(look)
    with display:
        while not picture.status.ended:
            display.show(picture)
            time.sleep(LOOK_EVERY_S)
            before = picture
            if changes.seen():
                picture = patiently(look)
            if silence.lasts(changed=picture != before):
                display.note(patiently(lambda: explain(opened, settings.load(), run_id)))
        display.show(picture)
    return picture


def patiently(ask: Callable[[], T]) -> T:
    """What a store answers, also one that is away for a while.

    Raises:
        StoreError: It has been away for long.
    """
    patience = told_patience()
    while True:
        try:
            return ask()
        except StoreError as error:
            patience.bear(error)


def told_patience(until: float = math.inf) -> Patience:
    """Patience of which the person who follows is told, as nothing moves meanwhile."""
    return Patience(until, lambda error: complain(error, "asking again: "))


class Silence:
    """Notices, again and again, that nothing has changed for a while."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def lasts(self, *, changed: bool) -> bool:
        """Whether another while has passed without a change."""
        now = time.monotonic()
        over = not changed and now - self._since >= EXPLAIN_EVERY_S
        if changed or over:
            self._since = now
        return over

"""Events and progress, told to every stream: one thread a process reads them from the store.

The thread lives as long as there is a listener. It reads the events that were written since its
last look, and how far the running runs are, and hands both to the event loop, which gives them to
each listener. A listener that is too slow is dropped; its client may reconnect where it was.
"""

import asyncio
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestration.errors import StoreError
from orchestration.ports import Clock, Session, Store
from orchestration.runtime.watch import Changes
from orchestration.store import events, fractions
from orchestration.store.events import EventRow
from orchestration.store.fractions import Pace

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.05
BATCH = 1_000
MOST_WAITING = 2_000
GAP_S = 2.0
START_S = 10.0


@dataclass(frozen=True, slots=True)
class Moved:
    """How far one run is now."""

    run_id: str
    pace: Pace


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more comes: the process ends, or the listener was too slow."""


Item = EventRow | Moved | End


@dataclass(eq=False)
class Listener:
    """One stream, and the items that it has not taken yet.

    Attributes:
        run_id: The only run that the stream is about; None: all runs.
    """

    run_id: str | None
    items: asyncio.Queue[Item] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    dropped: bool = False

    def hear(self, item: EventRow | Moved) -> None:
        """Queue an item if it is about the stream's run; with a full queue, be dropped."""
        if self.dropped or self.run_id not in (None, item.run_id):
            return
        try:
            self.items.put_nowait(item)
        except asyncio.QueueFull:
            self.end()

    async def take(self) -> list[Item]:
        """All queued items; waits for the first one."""
        found = [await self.items.get()]
        while not self.items.empty():
            found.append(self.items.get_nowait())
        return found

    def end(self) -> None:
        """Hear nothing more: queued items are thrown away, since they can be read again."""
        self.dropped = True
        while not self.items.empty():
            self.items.get_nowait()
        self.items.put_nowait(End())


class Broadcast:
    """Tells listeners of events and progress.

    Args:
        store: The store to read.
        clock: Measures how long an event has been missing.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._thread: threading.Thread | None = None
        self._lookout = Lookout(clock)
        self._begun = threading.Event()
        self._closed = False

    @contextmanager
    def listening(self, run_id: str | None) -> Iterator[Listener]:
        """Listen, with nothing missed once `begun` has returned; in the event loop's thread."""
        listener, loop = Listener(run_id), asyncio.get_running_loop()
        with self._lock:
            self._listeners.add(listener)
            if self._closed:
                listener.end()
            elif self._thread is None:
                self._begun.clear()
                self._lookout = Lookout(self._clock)
                self._thread = threading.Thread(
                    target=self._serve, args=[loop], name="broadcast", daemon=True
                )
                self._thread.start()
        for each in self._lookout.paces.items():
            listener.hear(Moved(*each))
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def begun(self) -> bool:
        """Wait until no event written from now on is missed; False: the store is away."""
        return self._begun.wait(START_S)

    def close(self) -> None:
        """Let every stream end; from any thread."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            thread.join(START_S)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look on; an error ends the streams of all listeners, and the next one starts a thread."""
        broken_off = False
        try:
            self._look_on(loop)
        except Exception:  # the outermost frame of this thread
            log.exception("streams end, and go on when they come again")
        finally:
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread, broken_off = None, True
            if (self._closed or broken_off) and not loop.is_closed():
                loop.call_soon_threadsafe(self._end_all)

    def _look_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look until there is no listener any more, or the process ends."""
        lookout, changes, wake = self._lookout, Changes(self._store), threading.Event()
        failed = False
        while True:
            with self._lock:
                if self._closed or not self._listeners:
                    self._thread = None
                    break
            try:
                if changes.seen() or lookout.is_behind or failed:
                    failed = True
                    found = self._store.read(lookout.look)
                    failed = False
                    self._begun.set()
                    if found:
                        loop.call_soon_threadsafe(self._tell, found)
            except (StoreError, RuntimeError) as error:
                log.warning("streams wait: %s", error)
            wake.wait(LOOK_EVERY_S)

    def _tell(self, found: Sequence[EventRow | Moved]) -> None:
        for listener in list(self._listeners):
            for item in found:
                listener.hear(item)

    def _end_all(self) -> None:
        for listener in list(self._listeners):
            listener.end()


class Lookout:
    """Finds what is new since its last look.

    Events get their numbers before the commit: with several writers, a smaller number can become
    visible after a larger one. So a missing number is waited for, though not for long: that of a
    transaction which was rolled back never comes.

    Args:
        clock: Measures how long a number has been missing.

    Attributes:
        paces: How far the running runs were at the last look.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: int | None = None
        self.paces: Mapping[str, Pace] = {}
        self._missing_since: float | None = None

    @property
    def is_behind(self) -> bool:
        """Whether there may be new events though nothing was written since the last look."""
        return self._missing_since is not None

    def look(self, session: Session) -> list[EventRow | Moved]:
        """New events in order, then the runs that are further than before."""
        last = events.last_id(session) if self._last is None else self._last
        found: list[EventRow | Moved] = []
        while batch := self._ripe(events.after(session, last, BATCH), last):
            found += batch
            last = batch[-1].id
        before, paces = self.paces, fractions.paces(session)
        self._last, self.paces = last, paces  # only now: a failed look is repeated as a whole
        moved = (each for each in self.paces.items() if before.get(each[0]) != each[1])
        return found + [Moved(run_id, pace) for run_id, pace in moved]

    def _ripe(self, rows: Sequence[EventRow], last: int) -> Sequence[EventRow]:
        """The rows before the first missing number after `last`, as long as it is waited for."""
        now = self._clock.monotonic()
        whole = next((n for n, row in enumerate(rows) if row.id != last + n + 1), len(rows))
        if whole == len(rows):
            self._missing_since = None
            return rows
        if whole:
            return rows[:whole]
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since < GAP_S:
            return []
        self._missing_since = None
        return rows[:1]

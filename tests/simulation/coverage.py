"""How often each transition was taken and each failpoint reached: what was never tried is unproven.

Runs move by `Run.to`; branches are counted by their rows, whichever code moves them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch

from orchestration.failpoints import Failpoint
from orchestration.state import RUN_TRANSITIONS, STEP_TRANSITIONS, Run, RunStatus
from orchestration.store.sqlite import MemoryStore

RECOVERY = ("beat", "clear", "fire_timers", "join", "refill", "take_over_dead", "take_over_silent")
COUNT_STEPS = (
    "CREATE TEMP TABLE taken (source TEXT, target TEXT, times INTEGER, UNIQUE (source, target))",
    """CREATE TEMP TRIGGER taking AFTER UPDATE OF status ON main.steps
    WHEN OLD.status <> NEW.status BEGIN
        INSERT INTO taken VALUES (OLD.status, NEW.status, 1)
        ON CONFLICT DO UPDATE SET times = times + 1;
    END""",
)


def every() -> frozenset[str]:
    """Everything that must have been tried."""
    return frozenset(
        [
            *(f"run {a} → {b}" for a, targets in RUN_TRANSITIONS.items() for b in targets),
            *(f"step {a} → {b}" for a, targets in STEP_TRANSITIONS.items() for b in targets),
            *(f"died in {name}" for name in RECOVERY),
            *(f"{what} {point}" for point in Failpoint for what in ("reached", "died at")),
        ]
    )


def watch(store: MemoryStore) -> None:
    """Count how branches move in this store."""
    for statement in COUNT_STEPS:
        store.write(lambda s, sql=statement: s.run(sql))  # type: ignore[misc]


def steps_of(store: MemoryStore) -> Counter[str]:
    """How often branches moved in a store that is watched."""
    rows = store.read(lambda s: s.all("SELECT source, target, times FROM temp.taken"))
    return Counter({f"step {source} → {target}": times for source, target, times in rows})


@contextmanager
def runs_counted(counter: Counter[str]) -> Iterator[None]:
    """Count how runs move in this process."""
    move = Run.to

    def to(self: Run, status: RunStatus) -> Run:
        found = move(self, status)
        counter[f"run {self.status} → {status}"] += 1
        return found

    with patch.object(Run, "to", to):
        yield


def short_of(counter: Mapping[str, int], least: int) -> list[str]:
    """The transitions and failpoints that were tried too rarely, with their counts."""
    return sorted(
        f"{name}: {counter.get(name, 0)}" for name in every() if counter.get(name, 0) < least
    )


def beyond(counter: Mapping[str, int]) -> list[str]:
    """Transitions that no table has."""
    return sorted(name for name in counter if name not in every())

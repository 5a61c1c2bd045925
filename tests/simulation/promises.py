"""The promises that must hold after every action, checked by the rows."""

from datetime import datetime

from orchestration.plans import UNDO
from orchestration.ports import Session
from orchestration.state import ENDED, OPEN, RunStatus, StepStatus
from orchestration.store import attempts, configuration, queues, slot_queue, starts, stops, tallies
from tests.engine.fleet import MINUTE
from tests.simulation.flows import LIMIT, RATE
from tests.simulation.witness import Witness


def words(statuses: frozenset[RunStatus] | frozenset[StepStatus]) -> str:
    """Statuses, as SQL lists them."""
    return ", ".join(f"'{each}'" for each in sorted(statuses))


COUNTED = (  # sent branches count as ready
    "SELECT run_id, step, CASE status WHEN 'queued' THEN 'ready' ELSE status END, COUNT(*)"
    " FROM steps WHERE branch >= 0 GROUP BY 1, 2, 3"
)
RUNNING = "SELECT id FROM runs WHERE status = 'running' AND system = 0"
REVERSED = (
    "SELECT step, branch FROM steps WHERE run_id = ? AND status = 'completed'"
    " ORDER BY ended_order DESC"
)
SCHEDULED = "SELECT id FROM runs WHERE sender = 'scheduler' AND forked_from IS NULL"
FORKED = "SELECT id FROM runs WHERE forked_from IS NOT NULL"
SINGLE = {
    "what waits has a wake-up": (
        "SELECT run_id, step FROM steps"
        " WHERE status IN ('queued', 'running', 'backoff', 'waiting') AND due_at IS NULL"
    ),
    "losses are bounded": "SELECT run_id, step FROM steps WHERE losses > 3",
    "nothing is open in what has ended": (
        "SELECT r.id, s.step FROM runs r JOIN steps s ON s.run_id = r.id"
        f" WHERE r.status IN ({words(ENDED)}) AND s.status IN ({words(OPEN)})"
    ),
    "what runs has an owner": (
        "SELECT run_id, step FROM steps WHERE status IN ('queued', 'running') AND owner IS NULL"
    ),
    "what moves has a run that moves, or pauses": (
        "SELECT r.id, s.step FROM runs r JOIN steps s ON s.run_id = r.id"
        " WHERE r.status IN ('pending', 'waiting') AND s.status IN ('ready', 'queued')"
    ),
    "what is completed has all progress": (
        "SELECT id, '' FROM runs WHERE status = 'completed' AND progress < 1"
    ),
}
BREACH = " UNION ALL ".join(
    f"SELECT '{promise}', * FROM ({breach}) AS found" for promise, breach in SINGLE.items()
)


def check_often(session: Session, witness: Witness, slots: int, now: datetime) -> None:
    """Check the promises that any single commit could break."""
    assert slot_queue.slots_taken(session) <= slots, "running ≤ limit"
    assert not (found := session.all(BREACH)), found
    check_stop(session, witness)
    recent = starts.since(session, "narrow", now - MINUTE)
    assert len(recent) <= RATE, "no minute holds more starts than the rate allows"
    at_work = queues.look(session, "narrow").running + attempts.acting_for(session, "narrow")
    assert at_work <= LIMIT, "also counting who lost the claim but may still act"


def check_stop(session: Session, witness: Witness) -> None:
    """Check that since a stop no run has been admitted that it holds up."""
    epoch = stops.epoch(session) if stops.is_stopped(session) else None
    running = {run_id for (run_id,) in session.all(RUNNING)}
    if epoch is not None and epoch == witness.stop:
        assert running <= witness.running, "no admission after a stop"
    witness.stop, witness.running = epoch, running


def check_all(session: Session, witness: Witness) -> None:
    """Check the promises that need a look at every row."""
    check_runs(session, witness)
    check_undone(session, witness)
    assert tallied(session) == sorted(session.all(COUNTED)), "tallies agree with branches"
    done = {tuple(row) for row in session.all(
        "SELECT run_id, step, branch FROM steps WHERE status = 'completed'"
    )}  # fmt: skip
    kept = {key for key in witness.completed if key[0] not in witness.forgotten}
    assert kept <= done, "what was accepted stays accepted"
    history = configuration.history(session, "payer", 1_000)
    payers = {each.value for each in history} - witness.forgotten
    paid = {run_id for run_id, step, _ in done if step == "pay"}
    forked = {run_id for (run_id,) in session.all(FORKED)}
    due = witness.payers - witness.forgotten | (paid - forked)
    assert due <= payers <= paid, "configured by who completes"
    times = [witness.scheduled[run_id] for (run_id,) in session.all(SCHEDULED)]
    assert len(times) == len(set(times)), "two schedulers start one run for each time"
    versions = [each.version for each in reversed(history)]
    assert versions == list(range(1, len(history) + 1)), "each version follows the one before"


def check_undone(session: Session, witness: Witness) -> None:
    """Undos begin in reverse order of completion."""
    undone: dict[str, list[tuple[str, int]]] = {}
    for run_id, step, branch in witness.undone:
        undone.setdefault(run_id, []).append((step.removeprefix(UNDO), branch))
    for run_id, begun in undone.items():
        order = session.all(REVERSED, run_id)
        known = [key for key in begun if key in order]
        assert known == [key for key in order if key in known], "undone in reverse"


def tallied(session: Session) -> list[tuple[str, str, str, int]]:
    """The number of branches of each step in each status, by the tallies of the runs."""
    return sorted(
        (run_id, step, status, count)
        for run_id, counts in session.all("SELECT id, tallies FROM runs")
        for step, tally in tallies.load(counts).items()
        for status, count in tally.items()
        if count
    )


def check_runs(session: Session, witness: Witness) -> None:
    """Ended stays ended; progress never falls."""
    known = {}
    for run_id, status, generation, progress in session.all(
        "SELECT id, status, generation, progress FROM runs"
    ):
        known[run_id] = (RunStatus(status), generation)
        assert progress >= witness.progress.get(run_id, 0.0), "progress never falls"
        witness.progress[run_id] = progress
        if known[run_id][0].ended:
            witness.ended.setdefault((run_id, generation), known[run_id][0])
    completed = {run_id for run_id, *_ in witness.completed}
    witness.forgotten = (witness.progress.keys() | completed) - known.keys()
    for (run_id, generation), status in witness.ended.items():
        now, newest = known.get(run_id, (status, generation))
        assert newest > generation or now is status, "ended stays ended"

"""Checks of the orchestrator's queue on RabbitMQ."""

from collections.abc import Set as AbstractSet

from orchestration.bus.inspection import QueueState
from orchestration.bus.topology import BINDINGS, QUEUE, QUEUE_ARGUMENTS
from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.text import counted

LIMIT = int(QUEUE_ARGUMENTS["x-max-length"])
NEARLY_FULL = 0.8
MOST_AT_EASE = 100


def arguments(vhost: str, refusal: str | None) -> Finding:
    """Whether the queue has the arguments with which agents declare it."""
    check = "queue arguments"
    if refusal is None:
        return ok(check, f"{QUEUE} has the arguments that agents expect")
    cure = (
        f"let it run empty (`rabbitmqctl list_queues -p {vhost}`), then `rabbitmqctl delete_queue"
        f" -p {vhost} {QUEUE}`; the next worker declares it again"
    )
    return problem(check, f"another client declared it differently: {refusal}", cure)


def depth(before: QueueState, after: QueueState, app: str) -> Finding:
    """Whether the queue is consumed as fast as it fills.

    Args:
        before: The queue at the beginning of the examination.
        after: The queue a second or more later.
        app: The module whose workers would consume it.
    """
    check, count = "queue depth", after.depth
    waiting = f"{counted(count, 'message')} waiting"
    if count >= NEARLY_FULL * LIMIT:
        what = f"{count} messages wait; beyond {LIMIT} the oldest are dropped"
        return problem(check, what, "start more workers, or slow down those who send")
    if count and not after.consumers:
        what = f"{waiting}, and nobody consumes; what waits for 5 minutes is dropped"
        return problem(check, what, f"start a worker: `dramatiq {app}`")
    if count > max(before.depth, MOST_AT_EASE):
        what = f"it grows: from {before.depth} to {count} messages"
        return warning(check, what, "start more workers, or slow down those who send")
    return ok(check, f"{waiting}, {counted(after.consumers, 'consumer')}")


def bindings(bound: AbstractSet[str] | None) -> Finding:
    """Whether every message for the orchestrator reaches its queue.

    Args:
        bound: The keys by which the queue is bound; None: they cannot be seen.
    """
    check = "bindings"
    if bound is None:
        return unseen(check, f"the bindings of {QUEUE}")
    if missing := [key for key in BINDINGS if key not in bound]:
        what = f"{QUEUE} does not get {', '.join(missing)}"
        return problem(check, what, "`orchestrate doctor --fix`, or restart a worker")
    return ok(check, f"{QUEUE} gets everything that is meant for it")


def unseen(check: str, what: str) -> Finding:
    """The warning for a check that an ordinary connection cannot make."""
    return warning(
        check,
        f"{what} cannot be seen from here",
        "run `rabbitmq-plugins enable rabbitmq_management` on the server and give our user the tag"
        " `management`, or run this as root on the server's own machine",
    )

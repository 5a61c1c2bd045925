"""The table `plans`: the plans of runs, each text once, under its digest."""

from orchestration import plans
from orchestration.plans import Plan
from orchestration.ports import Session

MOST_KNOWN = 256
_known: dict[str, Plan] = {}  # by digest: an entry never goes stale


def insert(session: Session, plan: Plan) -> None:
    """Write a plan, once for all runs like it."""
    session.run(
        "INSERT INTO plans (digest, body) VALUES (?, ?) ON CONFLICT DO NOTHING",
        *(plan.digest, plan.text),
    )


def get(session: Session, digest: str) -> Plan:
    """The plan of a run, parsed once in each process."""
    plan = _known.get(digest)
    if plan is None:
        ((body,),) = session.all("SELECT body FROM plans WHERE digest = ?", digest)
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        plan = _known[digest] = plans.load(body)
    return plan

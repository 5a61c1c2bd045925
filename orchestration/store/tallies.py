"""The tallies of a run: how many branches of each step have which status.

They stand in the run's row, and are written with it by whatever moves a branch, so that a
decision costs the same in a run of one branch and of ten thousand.
"""

import json
from collections.abc import Mapping
from functools import lru_cache

from orchestration.ports import Session
from orchestration.state import StepStatus

NOTHING = "skipped"  # the status, with count 0, of a step that has begun without branches
STATUSES = {status.value: status for status in StepStatus}


def dump(tallies: Mapping[str, Mapping[StepStatus, int]]) -> str:
    """The tallies as JSON text; names of steps have nothing in them that it would escape."""
    flat = []
    for step, tally in tallies.items():
        flat += [f'"{step}/{status}":{branches}' for status, branches in tally.items()]
        if not tally:
            flat.append(f'"{step}/{NOTHING}":0')
    return f"{{{','.join(flat)}}}"


@lru_cache(maxsize=1024)
def load(text: str) -> Mapping[str, Mapping[StepStatus, int]]:
    """The tallies that `dump` wrote; an empty fan-out has begun, but has no branches.

    Runs of one workflow pass through the same tallies: each text is parsed once for all of them.
    """
    counted: dict[str, dict[StepStatus, int]] = {}
    for place, branches in json.loads(text).items():
        step, _, status = place.partition("/")
        tally = counted.setdefault(step, {})
        if branches:
            tally[STATUSES[status]] = branches
    return counted


def fractions(session: Session, run_id: str) -> dict[str, float]:
    """For each step with reported progress the sum of its running branches' fractions."""
    sql = (
        "SELECT step, SUM(fraction) FROM steps WHERE run_id = ? AND status = 'running'"
        " AND fraction > 0 GROUP BY step"
    )
    return dict(session.all(sql, run_id))

"""Everything that was accepted ends, however often those are killed who work on it.

`make chaos KILLS=500 WORKFLOWS=10000 SEED=1 STORE=postgresql` is the same at any size;
`CHAOS_REPORT` keeps what it measured, one line of JSON a run.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.chaos.customers import Customers
from tests.acceptance.chaos.faults import Killer
from tests.acceptance.chaos.fleet import Fleet, fleet_in
from tests.acceptance.chaos.plan import Ledger, Plan
from tests.acceptance.chaos.report import keep, verdict
from tests.acceptance.processes import Processes, Workplace
from tests.acceptance.promises import DELIVERED, PARCELS, VALIDATED
from tests.acceptance.witness import Witness
from tests.acceptance.witnessed import DWELL
from tests.eventually import eventually

ENVIRONMENT = os.environ
PLAN = Plan(
    int(ENVIRONMENT.get("CHAOS_WORKFLOWS", "40")),
    int(ENVIRONMENT.get("CHAOS_KILLS", "6")),
    int(ENVIRONMENT.get("CHAOS_SEED", "1")),
    most_s=60 * float(ENVIRONMENT.get("CHAOS_MINUTES") or "inf"),
    outages=int(ENVIRONMENT.get("CHAOS_OUTAGES", "1")),
)
DWELL_S = 0.15
SLOTS = 32
STORES = [ENVIRONMENT.get("CHAOS_STORE", "sqlite")]


@pytest.fixture
def fleet(
    request: pytest.FixtureRequest,
    witness: Witness,
    processes: Processes,
    tmp_path: Path,
    enter: Callable[[Workplace], None],
) -> Iterator[Fleet]:
    more = {DWELL: str(DWELL_S), "MAX_CONCURRENT_WORKFLOWS": str(SLOTS)}
    with fleet_in(tmp_path, request.param, processes, witness, more) as prepared:
        enter(prepared.workplace)
        with prepared.running():
            yield prepared


@pytest.mark.rabbitmq
@pytest.mark.timeout(300 + 10 * PLAN.kills + PLAN.workflows)
@pytest.mark.parametrize("fleet", STORES, indirect=True)
def test_everything_accepted_ends_however_often_they_are_killed(
    fleet: Fleet, witness: Witness, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    eventually(lambda: fleet.is_ready, within=60)
    customers = Customers(witness, PLAN, (None, fleet.web, None, fleet.web))
    killer = Killer(fleet, Ledger(), random.Random(PLAN.seed), [])
    customers.begin()
    try:
        strike(killer)
    finally:
        customers.finish()
        killer.settle()
    report = verdict(witness, killer.ledger, customers, PLAN)
    report |= {"seconds": round(time.monotonic() - began), "restarts": fleet.supervisor.restarts}
    report["store"] = fleet.store_url.partition(":")[0]
    with capsys.disabled():
        keep(report, ENVIRONMENT.get("CHAOS_REPORT"))
    assert report["problems"] == report["complaints"] == []
    assert report["acknowledged"] >= PLAN.workflows
    assert report["hits"] >= PLAN.kills
    check_results(customers)


def strike(killer: Killer) -> None:
    """Break things until enough of it has hurt, or time is over; on the way, servers too."""
    ledger, gap_s = killer.ledger, PLAN.gap_s
    deadline = time.monotonic() + min(PLAN.most_s, 120 + 6 * PLAN.kills)
    servers = [killer.kill_broker]
    if killer.fleet.cluster is not None:
        servers.append(killer.kill_server)
    outages = 0
    while ledger.kills < PLAN.kills and time.monotonic() < deadline:
        if ledger.kills >= (outages + 1) * PLAN.kills / (PLAN.outages + 1):
            outages += 1
            for kill in servers:
                kill()
        killer.strike()
        time.sleep(killer.chance.uniform(*gap_s))


def check_results(customers: Customers) -> None:
    """Every client got what its command means, and equal questions got equal answers."""
    for run, promise in customers.promises.items():
        if promise is DELIVERED:
            assert customers.results[run]["packed"] == PARCELS
    same = [customers.results[run] for run, p in customers.promises.items() if p is VALIDATED]
    assert all(each == same[0] for each in same)

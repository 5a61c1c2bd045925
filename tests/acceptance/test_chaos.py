"""Everything that was accepted ends, however often those are killed who work on it.

`make chaos KILLS=500 WORKFLOWS=10000 SEED=1` is the same at any size; `CHAOS_REPORT` keeps what
it measured, one line of JSON a run.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestration.client import Client
from tests.acceptance.chaos import SLOTS, Customers, Fleet, Plan, keep, small_disk, verdict
from tests.acceptance.cluster import cluster
from tests.acceptance.node import node_in
from tests.acceptance.processes import Processes, Workplace
from tests.acceptance.promises import DELIVERED, MODULE, PARCELS, VALIDATED
from tests.acceptance.witness import VARIABLE, Witness
from tests.acceptance.witnessed import DWELL, app
from tests.eventually import eventually

ENVIRONMENT = os.environ
PLAN = Plan(
    int(ENVIRONMENT.get("CHAOS_WORKFLOWS", "120")),
    int(ENVIRONMENT.get("CHAOS_KILLS", "12")),
    int(ENVIRONMENT.get("CHAOS_SEED", "1")),
)
DWELL_S = 0.3
STORES = [ENVIRONMENT.get("CHAOS_STORE", "sqlite")]


@pytest.fixture
def fleet(
    request: pytest.FixtureRequest,
    witness: Witness,
    processes: Processes,
    tmp_path: Path,
    enter: Callable[[Workplace], None],
) -> Iterator[Fleet]:
    home = tmp_path / "home"
    with ExitStack() as stack:
        node = stack.enter_context(node_in(tmp_path / "node", "consumer_timeout = 60000\n"))
        more = {
            VARIABLE: str(witness.path),
            DWELL: str(DWELL_S),
            "MAX_CONCURRENT_WORKFLOWS": str(SLOTS),
        }
        url = f"sqlite:///{home / 'orchestration.db'}"
        if request.param == "postgresql":
            more["RABBITMQ_QUEUE_TYPE"] = "quorum"
            url = more["DATABASE_URL"] = stack.enter_context(cluster()).url("postgres")
        else:
            stack.enter_context(small_disk(home, 1_024))
        workplace = Workplace(home, node.url, MODULE, more, measured=False)
        enter(workplace)
        Client(app=app).close()  # the store is there from now on
        node.wait()
        found = Fleet(workplace, url, node, processes, witness, PLAN)
        found.start()
        stack.callback(found.stop)
        stack.callback(processes.close)
        yield found


@pytest.mark.rabbitmq
@pytest.mark.timeout(300 + 10 * PLAN.kills + PLAN.workflows)
@pytest.mark.parametrize("fleet", STORES, indirect=True)
def test_everything_accepted_ends_however_often_they_are_killed(
    fleet: Fleet, witness: Witness, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    eventually(fleet.is_ready, within=60)
    customers = Customers(witness, PLAN)
    customers.begin()
    try:
        fleet.strike_until(PLAN.kills // 2)
        fleet.kill_broker()
        fleet.strike_until(PLAN.kills)
    finally:
        customers.finish()
    report = verdict(fleet, customers, time.monotonic() - began)
    with capsys.disabled():
        keep(report, ENVIRONMENT.get("CHAOS_REPORT"))
    assert report["problems"] == report["complaints"] == []
    assert report["acknowledged"] >= PLAN.workflows
    check_results(customers)


def check_results(customers: Customers) -> None:
    """Every client got what its command means, and equal questions got equal answers."""
    for run, promise in customers.promises.items():
        if promise is DELIVERED:
            assert customers.results[run]["packed"] == PARCELS
    same = [customers.results[run] for run, p in customers.promises.items() if p is VALIDATED]
    assert all(each == same[0] for each in same)

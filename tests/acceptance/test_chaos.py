"""Everything that was accepted ends, however often those are killed who work on it.

`make chaos KILLS=500 WORKFLOWS=10000 SEED=1 STORE=postgresql` is the same at any size;
`CHAOS_REPORT` keeps what it measured, one line of JSON a run.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestration.client import Client
from tests.acceptance.chaos.customers import Customers
from tests.acceptance.chaos.faults import Killer
from tests.acceptance.chaos.fleet import Fleet
from tests.acceptance.chaos.plan import Ledger, Plan
from tests.acceptance.chaos.report import keep, verdict
from tests.acceptance.cluster import Cluster, cluster
from tests.acceptance.disk import small_disk
from tests.acceptance.node import free_port, node_in
from tests.acceptance.processes import Processes, Workplace
from tests.acceptance.promises import DELIVERED, MODULE, PARCELS, VALIDATED
from tests.acceptance.witness import VARIABLE, Witness
from tests.acceptance.witnessed import DWELL, app
from tests.eventually import eventually

ENVIRONMENT = os.environ
PLAN = Plan(
    int(ENVIRONMENT.get("CHAOS_WORKFLOWS", "60")),
    int(ENVIRONMENT.get("CHAOS_KILLS", "8")),
    int(ENVIRONMENT.get("CHAOS_SEED", "1")),
    outages=int(ENVIRONMENT.get("CHAOS_OUTAGES", "1")),
)
DWELL_S = 0.15
SLOTS = 32
DISK_MB = {"sqlite": 512, "postgresql": 1_024}
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
            "PORT": str(free_port()),
            "ORCHESTRATION_HOST": "127.0.0.1",
        }
        url, disk = f"sqlite:///{home / 'orchestration.db'}", home
        server: Cluster | None = None
        if request.param == "postgresql":
            more["RABBITMQ_QUEUE_TYPE"] = "quorum"
            server = stack.enter_context(cluster(DISK_MB["postgresql"]))
            url, disk = server.url("postgres"), server.directory
            more["DATABASE_URL"] = url
        else:
            stack.enter_context(small_disk(home, DISK_MB["sqlite"]))
        workplace = Workplace(home, node.url, MODULE, more, measured=False)
        enter(workplace)
        Client(app=app).close()  # the store is there from now on
        node.wait()
        found = Fleet(workplace, url, node, server, processes, witness, disk)
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
    eventually(lambda: fleet.is_ready, within=60)
    web = f"http://127.0.0.1:{fleet.workplace.more['PORT']}"
    customers = Customers(witness, PLAN, (None, web, None, web))
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
    check_results(customers)


def strike(killer: Killer) -> None:
    """Break things until enough of it has hurt; on the way, servers too."""
    ledger, gap_s = killer.ledger, PLAN.gap_s
    deadline = time.monotonic() + 120 + 6 * PLAN.kills
    servers = [killer.kill_broker]
    if killer.fleet.cluster is not None:
        servers.append(killer.kill_server)
    outages = 0
    while ledger.kills < PLAN.kills:
        assert time.monotonic() < deadline, f"only {ledger.kills} of {PLAN.kills} faults have hurt"
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

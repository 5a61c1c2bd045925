"""Processes of two stores never consume from one vhost."""

from pathlib import Path

import pika
import pytest

from orchestration.bus.topology import STORE_QUEUE
from orchestration.bus.vhost_claim import VhostClaim
from orchestration.errors import OtherStoreError
from tests.acceptance.processes import Processes, Workplace
from tests.acceptance.promises import MODULE
from tests.acceptance.witness import VARIABLE, Witness
from tests.eventually import eventually
from tests.rabbitmq import control, fresh_vhost

pytestmark = pytest.mark.rabbitmq

PATIENCE_S = 40.0
STRANGER = "22222222 elsewhere:/stranger.db"


def is_claimed(url: str) -> bool:
    """Whether somebody holds the claim of a vhost."""
    vhost = url.rpartition("/")[2]
    rows = control("list_queues", "-p", vhost, "name", "consumers").splitlines()
    return any(row.split()[0] == STORE_QUEUE and row.split()[1] != "0" for row in rows if row)


def test_a_process_with_another_store_exits_3_and_names_both(
    vhost: str, processes: Processes, witness: Witness, tmp_path: Path
) -> None:
    more = {VARIABLE: str(witness.path)}
    first = Workplace(tmp_path / "first", vhost, MODULE, more)
    second = Workplace(tmp_path / "second", vhost, MODULE, more)
    processes.workers(first, MODULE, "-p", "1", "-t", "2")
    eventually(lambda: is_claimed(vhost), within=PATIENCE_S)
    refused = processes.workers(second, MODULE, "-p", "1", "-t", "2")
    assert refused.wait(PATIENCE_S) == 3
    for place in (first, second):
        assert f"{place.home}/orchestration.db"[-30:] in refused.output
    assert "Traceback" not in refused.output
    same = processes.workers(first, MODULE, "-p", "1", "-t", "2")
    eventually(lambda: "no live" not in same.output and same.ended is None, within=PATIENCE_S)


def test_a_process_that_lost_its_vhost_to_another_store_ends(
    processes: Processes, witness: Witness, tmp_path: Path
) -> None:
    with fresh_vhost() as url:
        place = Workplace(tmp_path / "home", url, MODULE, {VARIABLE: str(witness.path)})
        worker = processes.workers(place, MODULE, "-p", "1", "-t", "2")
        eventually(lambda: is_claimed(url), within=PATIENCE_S)
        control("close_all_connections", "--vhost", url.rpartition("/")[2], "a test")
        connection = pika.BlockingConnection(pika.URLParameters(url))
        eventually(lambda: took_over(connection, url), within=PATIENCE_S)
        worker.wait(PATIENCE_S)
        assert STRANGER in worker.output
        connection.close()


def took_over(connection: pika.BlockingConnection, url: str) -> bool:
    """Whether the stranger's store has the vhost now."""
    try:
        VhostClaim(STRANGER, url).make(connection)
    except OtherStoreError:
        return False
    return True

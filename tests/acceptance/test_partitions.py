"""Several machines, of which some lose the broker, the store, or both: others go on at once.

A machine here is a process group with a directory of its own; what it reaches, it reaches by a
wire that can be cut. Everything that was ordered must end while three of four are still cut off,
and nothing may be doubled by what they do then, and once they are back.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.client import Client
from orchestration.handles import Handle
from tests import rabbitmq
from tests.acceptance import victims
from tests.acceptance.checker import Comeback, comebacks, complaints
from tests.acceptance.processes import Process, Processes, Workplace
from tests.acceptance.promises import DELIVERED, MODULE
from tests.acceptance.wire import Wire
from tests.acceptance.witness import END, KILLED, RESUMED, START, TOLD, VARIABLE, Line, Witness
from tests.acceptance.witnessed import app
from tests.eventually import eventually

POSTGRES_PORT = 5432
PATIENCE_S = 60.0
DWELL_S = 0.5
CUT_OFF = ("no broker", "no store", "neither")


@dataclass
class Machines:
    """Four machines of one worker each; `all well` is never cut off."""

    of: dict[str, Process]
    broker: Wire
    server: Wire
    witness: Witness
    direct: str

    def worker(self, name: str) -> int:
        """The worker process of a machine."""
        (pid,) = (each.pid for each in self.of[name].members() if each.pid != self.of[name].pid)
        return int(pid)

    def partition(self) -> None:
        """Cut off three of them, each from something else."""
        for name in ("no store", "neither"):
            self.witness.write(Line(KILLED, step=name.replace(" ", "-"), pid=self.worker(name)))
            self.server.cut(self.of[name].pid)
        for name in ("no broker", "neither"):
            self.broker.cut(self.of[name].pid)

    def heal(self) -> None:
        for name in CUT_OFF:
            for wire in (self.broker, self.server):
                wire.heal(self.of[name].pid)
            if name != "no broker":
                self.witness.write(Line(RESUMED, pid=self.worker(name)))

    def are_busy(self) -> bool:
        """Whether each of them is at work on something."""
        lines = self.witness.lines()
        ended = {(line.key, line.attempt) for line in lines if line.what == END}
        begun = [line for line in lines if line.what == START]
        busy = {line.pid for line in begun if (line.key, line.attempt) not in ended}
        return busy >= {self.worker(name) for name in self.of}


@pytest.fixture
def machines(
    vhost: str, empty_schema: str, witness: Witness, processes: Processes, tmp_path: Path
) -> Iterator[Machines]:
    with ExitStack() as stack:
        broker = stack.enter_context(Wire(rabbitmq.PORT))
        server = stack.enter_context(Wire(POSTGRES_PORT))
        more = {
            "DATABASE_URL": empty_schema.replace("127.0.0.1/", f"127.0.0.1:{server.port}/"),
            VARIABLE: str(witness.path),
        }
        url = vhost.replace(f":{rabbitmq.PORT}/", f":{broker.port}/")
        found = {}
        for name in ("all well", *CUT_OFF):
            place = Workplace(tmp_path / name, url, MODULE, more)
            found[name] = processes.workers(place, MODULE, "-p", "1", "-t", "4")
        Client(empty_schema, app=app).close()
        yield Machines(found, broker, server, witness, empty_schema)
        processes.close()


def order(client: Client, count: int) -> list[Handle]:
    wanted = {"parcels": [1, 2, 3], "dwell": DWELL_S}
    return [client.start("delivery", wanted) for _ in range(count)]


def collect(witness: Witness, handles: list[Handle]) -> None:
    for each in handles:
        each.result(PATIENCE_S)
        witness.write(Line(TOLD, each.workflow_id, "completed"))


def longest(found: list[Comeback]) -> dict[str, float]:
    """For each machine that lost the store, how long what it held took to go on elsewhere."""
    kinds = {each.kind for each in found}
    return {kind: max(each.after_s for each in found if each.kind == kind) for kind in kinds}


@pytest.mark.rabbitmq
@pytest.mark.postgres
@pytest.mark.timeout(180)
def test_what_was_ordered_ends_while_machines_are_cut_off_and_nothing_is_doubled_afterwards(
    machines: Machines, witness: Witness
) -> None:
    with Client(machines.direct, app=app) as client:
        eventually(lambda: len(listed(client)) == len(machines.of), within=PATIENCE_S)
        handles = order(client, 8)
        eventually(machines.are_busy, within=PATIENCE_S)
        machines.partition()
        handles += order(client, 2)
        collect(witness, handles)
        taken_over = longest(comebacks(witness.lines()))
        print(f"\ntaken over within: {taken_over}")  # noqa: T201 - what was measured
        machines.heal()
        later = order(client, 4)
        collect(witness, later)
    promises = {each.workflow_id: DELIVERED for each in (*handles, *later)}
    assert complaints(witness.lines(), promises) == []
    assert taken_over.keys() == {"no-store", "neither"}


def listed(client: Client) -> set[int]:
    return victims.workers_of(client.engine.store)

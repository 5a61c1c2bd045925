"""Huey on SQLite: a pipeline of five tasks, with fsync, results kept."""

import os

from huey import SqliteHuey

from benchmarks.peers.work import STEPS, Chains, Ends, new_id, work

huey = SqliteHuey("bench", filename=os.environ["BENCH_DATABASE"], fsync=True)


@huey.task()
def step(chain_id, last, before, payload):
    found = work(before)
    if last:
        Ends().write(chain_id)
    return found


def command(workers=4):
    return [
        *("huey.bin.huey_consumer", "benchmarks.peers.theirs.huey_chain.huey", "-w", str(workers)),
        *("-k", "thread", "-d", "0.01", "-m", "0.05", "-q"),
    ]


class Contender(Chains):
    def __init__(self):
        super().__init__()
        self.groups = {}

    def begin(self):
        chain_id = new_id()
        pipeline = step.s(chain_id, False, 0, "")
        for number in range(2, STEPS + 1):
            pipeline.then(step, chain_id, number == STEPS)
        self.groups[chain_id] = huey.enqueue(pipeline)
        return chain_id

    def result(self, chain):
        return tuple(self.groups[chain][-1])


def open_contender(**_chosen):
    return Contender()

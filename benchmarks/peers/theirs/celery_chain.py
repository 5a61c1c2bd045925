"""Celery on RabbitMQ: a chain of five tasks, acknowledged late, results kept in Redis."""

import os

from celery import Celery, chain
from celery.result import AsyncResult

from benchmarks.peers.work import STEPS, Chains, Ends, new_id, work

app = Celery(
    "benchmarks.peers.theirs.celery_chain",
    broker=os.environ["BENCH_BROKER"],
    backend=os.environ["BENCH_REDIS"],
)
app.conf.update(
    task_acks_late=True,
    task_serializer="json",
    result_expires=600,
    broker_transport_options={"confirm_publish": True},
)


@app.task(name="step")
def step(before, chain_id, last):
    found = work(before[0])
    if last:
        Ends().write(chain_id)
    return found


def command(concurrency=4, prefetch=4):
    return [
        *("celery", "-A", "benchmarks.peers.theirs.celery_chain", "worker", "--loglevel=ERROR"),
        *(f"--concurrency={concurrency}", f"--prefetch-multiplier={prefetch}"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]


class Contender(Chains):
    def begin(self):
        chain_id = new_id()
        steps = [step.s(chain_id, n == STEPS) for n in range(2, STEPS + 1)]
        last = chain(step.s((0,), chain_id, False), *steps)
        last.apply_async(task_id=chain_id)
        return chain_id

    def result(self, chain):
        return tuple(AsyncResult(chain, app=app).get(timeout=10))


def open_contender(**_chosen):
    return Contender()

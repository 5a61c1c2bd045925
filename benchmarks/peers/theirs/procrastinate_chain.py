"""Procrastinate on PostgreSQL: five jobs in a row, each of which defers the next one."""

import os

import procrastinate
import psycopg

from benchmarks.peers.work import STEPS, Chains, Ends, new_id, work

URL = os.environ["BENCH_DATABASE"]
app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=URL, min_size=4, max_size=10)
)
ENDS = Ends()


@app.task(name="step")
async def step(before, carried, chain_id):
    count, text = work(before)
    if count == STEPS:
        ENDS.write(chain_id)
    else:
        await step.defer_async(before=count, carried=text, chain_id=chain_id)


def command(concurrency=8):
    return [
        *("procrastinate", "--app=benchmarks.peers.theirs.procrastinate_chain.app", "worker"),
        f"--concurrency={concurrency}",
    ]


class Contender(Chains):
    def begin(self):
        chain_id = new_id()
        step.defer(before=0, carried="", chain_id=chain_id)
        return chain_id

    def end_times(self):
        times = self.ends.times()
        with psycopg.connect(URL) as connection:
            row = connection.execute(
                "SELECT COUNT(*) FROM procrastinate_jobs WHERE status = 'succeeded'"
                " AND task_name = 'step'"
            ).fetchone()
        if row[0] < STEPS * len(times) - 20:
            raise AssertionError(f"{row[0]} jobs succeeded for {len(times)} chains")
        return times


def open_contender(**_chosen):
    app.open()
    return Contender()


if __name__ == "__main__":
    schema = app.with_connector(procrastinate.SyncPsycopgConnector(conninfo=URL))
    with schema.open():
        schema.schema_manager.apply_schema()

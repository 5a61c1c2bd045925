"""DBOS: a workflow of five steps, each a row in SQLite or PostgreSQL, in one process."""

import os

from dbos import DBOS, DBOSConfig, SetWorkflowID

from benchmarks.peers.work import STEPS, Chains, Ends, new_id, work

ENDS = Ends()
config: DBOSConfig = {
    "name": "bench",
    "system_database_url": os.environ["BENCH_DATABASE"],
    "run_admin_server": False,
    "log_level": "ERROR",
}
DBOS(config=config)


@DBOS.step()
def step(before):
    return work(before)


@DBOS.workflow()
def five(chain_id):
    found = (0, "")
    for _ in range(STEPS):
        found = step(found[0])
    ENDS.write(chain_id)
    return found


def command(**_chosen):
    return []


class Contender(Chains):
    def begin(self):
        chain_id = new_id()
        with SetWorkflowID(chain_id):
            DBOS.start_workflow(five, chain_id)
        return chain_id

    def result(self, chain):
        return tuple(DBOS.retrieve_workflow(chain).get_result())

    def close(self):
        DBOS.destroy()


def open_contender(**_chosen):
    DBOS.launch()
    return Contender()

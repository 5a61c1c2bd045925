"""Agents are paused and resumed by name."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from orchestration.circuit import Circuit, CircuitState
from orchestration.client import Client
from orchestration.engine import Engine
from orchestration.engine.transaction import Transaction
from orchestration.state import StepStatus
from orchestration.store import agents, circuits
from tests.cli.conftest import Cli
from tests.cli.processes import Processes, reaches

Values = Callable[..., Any]


def test_a_paused_agent_is_listed_and_named_by_why_until_it_is_resumed(
    cli: Cli, values: Values, client: Client, processes: Processes
) -> None:
    processes.serve()
    (paused,) = values("agents", "pause", "worker")
    (me,) = paused.pop("paused_by")
    assert paused == {"name": "worker", "paused": True}
    listed = values("agents", "list")[0]
    assert (listed["paused"], listed["paused_by"]) == (True, [me])
    run_id = client.start("job").workflow_id
    reaches(client, run_id, "working", StepStatus.READY)
    told = cli("workflows", "why", run_id).stdout
    assert f"worker is paused by {me}" in told
    assert "`orchestrate agents resume worker`" in told

    assert values("agents", "resume", "worker", "--reason", "it is well") == [
        {
            "name": "worker",
            "paused": False,
            "paused_by": [],
            "lifted": [me],
            "circuit_closed": False,
        }
    ]
    assert client.workflow(run_id).result(20)["count"] == 2


def test_an_open_circuit_is_told_wherever_agents_are(
    cli: Cli, values: Values, engine: Engine
) -> None:
    def fail(tx: Transaction) -> None:
        pause = timedelta(hours=1)
        circuits.save(tx.session, "worker", Circuit(CircuitState.OPEN, 10, pause, tx.now))
        agents.count_error(tx.session, "worker", '{"type": "TypeError", "message": "no"}')

    engine.commit(fail)
    for words in (("agents", "list"), ("status",)):
        told = cli(*words).stdout
        assert "the circuit of agent worker is open until 2" in told
        assert "since 10 attempts in a row failed (the last with TypeError: no)" in told
        assert "`orchestrate agents resume worker` closes it now" in told
    assert values("agents", "resume", "worker")[0]["circuit_closed"]
    assert "circuit of agent" not in cli("agents", "list").stdout


def test_unknown_names_are_refused_with_those_that_are_known(cli: Cli, values: Values) -> None:
    values("run", "job")
    for verb in ("pause", "resume"):
        error = cli("agents", verb, "worker", "nobody", code=2).stderr
        assert "no agent 'nobody' was ever seen; known agents: worker" in error
    assert not values("agents", "list")[0]["paused"]

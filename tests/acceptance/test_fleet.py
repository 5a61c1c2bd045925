"""What one fleet of several processes on RabbitMQ does together."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.client import Client
from tests.acceptance.processes import Processes, Workplace
from tests.acceptance.promises import MODULE, VALIDATION
from tests.acceptance.witness import END, START, VARIABLE, Witness
from tests.acceptance.witnessed import LIMIT, app

pytestmark = pytest.mark.rabbitmq

ORCHESTRATE = (sys.executable, "-m", "orchestration")
Enter = Callable[[Workplace], None]


@pytest.fixture
def place(vhost: str, witness: Witness, tmp_path: Path, enter: Enter) -> Workplace:
    found = Workplace(tmp_path / "home", vhost, MODULE, {VARIABLE: str(witness.path)})
    enter(found)
    return found


def test_an_agents_limit_holds_across_processes(
    place: Workplace, processes: Processes, witness: Witness
) -> None:
    for _ in range(2):
        processes.workers(place, MODULE, "-p", "1", "-t", "8")
    people = list(range(24))
    with Client(app=app) as client:
        client.start("crowd", {"people": people, "dwell": 0.1}).result(30)
    now, most = 0, 0
    for line in witness.lines():
        now += {START: 1, END: -1}[line.what]
        most = max(most, now)
    assert most == LIMIT
    assert len({line.pid for line in witness.lines()}) == 2
    assert len(witness.lines()) == 2 * len(people)


def test_a_process_can_serve_one_agent_alone(
    place: Workplace, processes: Processes, witness: Witness
) -> None:
    agents = [agent.name for agent in app.agents]
    others = [name for name in agents if name != "backtesting_agent"]
    alone = processes.workers(place, MODULE, "-Q", "backtesting_agent", "-p", "1", "-t", "2")
    processes.workers(place, MODULE, "-p", "1", "-t", "2", "-Q", *others)
    with Client(app=app) as client:
        client.start("validate_algorithms", VALIDATION).result(30)
    done = {line.step: line.pid for line in witness.lines()}
    one = {member.pid for member in alone.members()}
    assert {step for step, pid in done.items() if pid in one} == {
        "running_backtests",
        "analyzing_performance",
    }
    assert len(done) == 5


def test_the_result_has_the_same_bytes_embedded_and_on_rabbitmq(
    vhost: str, processes: Processes, tmp_path: Path
) -> None:
    embedded = Workplace(tmp_path / "embedded")
    brokered = Workplace(tmp_path / "brokered", vhost)
    processes.workers(brokered, "actors", "-p", "2", "-t", "4")
    given = tmp_path / "parameters.json"
    given.write_text(json.dumps(VALIDATION | {"seed": 7, "optimization_iterations": 20}))
    words = ("run", "validate_algorithms", "--json", str(given), "--output", "json", "--full")
    texts = []
    for place in (embedded, brokered):
        code, output = processes.run(place, *ORCHESTRATE, *words)
        assert code == 0, output
        whole = json.loads(output[output.index("{\n") :])
        assert whole["status"] == "completed"
        texts.append(output[output.index('"result"') :])
    assert texts[0].encode() == texts[1].encode()
    assert len(texts[0]) > 5_000

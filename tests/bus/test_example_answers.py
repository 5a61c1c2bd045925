"""What the example agents answer where they cannot do what a command says."""

import json
import runpy
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

AGENTS = Path(__file__).parents[2] / "examples" / "agents"
ASKED = {"symbols": ["IBM", "NOPE", "NADA"], "validation_period": "6M"}
SAYS = "no prices of NADA, NOPE: ask for other symbols, or set PRICES to a file that has these"


# Delivers the next message when one is acknowledged, and at the end prints what was answered.
AMQPLIB = """
    import { EventEmitter } from "node:events";
    const bodies = JSON.parse(process.env.BODIES).map((body) => Buffer.from(body, "hex"));
    const outcomes = {};
    let deliver;
    const next = () => {
        if (bodies.length) return deliver({ content: bodies.shift() });
        console.log(JSON.stringify(outcomes));
        process.exit(0);
    };
    const nothing = async () => {};
    const channel = {
        assertExchange: nothing, assertQueue: nothing, bindQueue: nothing, prefetch: nothing,
        publish(exchange, key, body, options, told) {
            const said = JSON.parse(body);
            if (said.correlation_id) outcomes[said.correlation_id] = said.payload.status;
            told(null);
        },
        async consume(queue, receive) { deliver = receive; next(); },
        ack() { setImmediate(next); },
    };
    const connection = Object.assign(new EventEmitter(), {
        createConfirmChannel: async () => channel,
        close: async () => process.exit(1),
    });
    export default { connect: async () => connection };
"""
DELIVERED = [
    b"no JSON",
    b"\xff",
    b"[" * 20_000,
    b"[]",
    b'{"id": "1", "payload": null}',
    b'{"id": "2", "payload": {"command_type": "job", "parameters": {}}}',
    b'{"id": "3", "payload": {"command": ["job"], "parameters": {}}}',
    b'{"id": "4", "payload": {"command": "health_check"}}',
    b'{"id": "5", "payload": {"command": "health_check", "parameters": {}}}',
]
BEFORE_THE_LAST = {"2": "failed", "3": "failed"}


class Line:
    """A channel that keeps what is published and acknowledged."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.about: list[str] = []
        self.acknowledged: list[int] = []

    def basic_publish(self, _exchange: str, _key: str, body: bytes, _properties: object) -> None:
        envelope = json.loads(body)
        self.said.append(envelope["payload"])
        self.about.append(envelope["correlation_id"])

    def basic_ack(self, tag: int) -> None:
        self.acknowledged.append(tag)


@pytest.fixture(scope="module")
def in_python() -> dict[str, Any]:
    return runpy.run_path(str(AGENTS / "python" / "agent.py"))


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("no Node.js on this machine")
    return found


def answer_of(agent: dict[str, Any], command: str) -> dict[str, Any]:
    line = Line()
    agent["answer"](line, {"id": "1", "payload": {"command": command, "parameters": ASKED}})
    (answer,) = line.said
    return answer


def test_an_unknown_symbol_is_a_failure_that_names_it(in_python: dict[str, Any]) -> None:
    answer = answer_of(in_python, "prepare_validation_data")
    assert answer["status"] == "failed"
    assert answer["error"] == f"ValueError: {SAYS}"


def test_no_error_ends_the_agent(in_python: dict[str, Any]) -> None:
    def fail(_parameters: Any) -> None:
        raise IndexError("a bug")

    in_python["COMMANDS"]["fail"] = fail
    assert answer_of(in_python, "fail")["error"] == "IndexError: a bug"
    assert answer_of(in_python, "unheard_of")["status"] == "failed"


def test_what_comes_is_acknowledged_whatever_it_is(in_python: dict[str, Any]) -> None:
    line = Line()
    for tag, body in enumerate(DELIVERED):
        in_python["receive"](line, SimpleNamespace(delivery_tag=tag), None, body)
    assert line.acknowledged == list(range(len(DELIVERED)))
    outcomes = dict(zip(line.about, (said["status"] for said in line.said), strict=True))
    assert outcomes == {**BEFORE_THE_LAST, "4": "failed", "5": "completed"}
    assert line.said[0]["error"] == "ValueError: unknown command None"


def test_its_twin_in_node_acknowledges_it_too(node: str, tmp_path: Path) -> None:
    copy = shutil.copytree(AGENTS / "node", tmp_path / "node")
    library = copy / "node_modules" / "amqplib"
    shutil.rmtree(library, ignore_errors=True)
    library.mkdir(parents=True)
    (library / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
    (library / "index.js").write_text(AMQPLIB)
    done = subprocess.run(
        [node, "agent.js"],
        cwd=copy,
        env={"BODIES": json.dumps([body.hex() for body in DELIVERED])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {**BEFORE_THE_LAST, "4": "completed", "5": "completed"}


def test_its_twin_in_node_names_the_symbol_too(node: str) -> None:
    asks = f"""
        import {{ prepareValidationData }} from "./prices.js";
        try {{ prepareValidationData({json.dumps(ASKED)}); }} catch (error) {{
            console.log(error.message);
        }}
    """
    done = subprocess.run(
        [node, "--input-type=module", "--eval", asks],
        cwd=AGENTS / "node",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == SAYS

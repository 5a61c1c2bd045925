"""What the example agents answer where they cannot do what a command says."""

import json
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

AGENTS = Path(__file__).parents[2] / "examples" / "agents"
ASKED = {"symbols": ["IBM", "NOPE", "NADA"], "validation_period": "6M"}
SAYS = "no prices of NADA, NOPE: ask for other symbols, or set PRICES to a file that has these"


class Line:
    """A channel that keeps what is published."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def basic_publish(self, _exchange: str, _key: str, body: bytes, _properties: object) -> None:
        self.said.append(json.loads(body)["payload"])


@pytest.fixture(scope="module")
def in_python() -> dict[str, Any]:
    return runpy.run_path(str(AGENTS / "python" / "agent.py"))


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


def test_its_twin_in_node_names_the_symbol_too() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js on this machine")
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

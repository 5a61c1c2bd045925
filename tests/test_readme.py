"""Everything that the README shows is run as it stands there."""

import re
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.acceptance.test_deploy import free_port
from tests.eventually import eventually
from tests.shown import ROOT, block, environment, shell, started

EXAMPLE = "examples.warehouse"
pytestmark = pytest.mark.timeout(120)
BROKER = "amqp://guest:guest@localhost:5672/"


def test_the_example_is_the_one_that_is_shown() -> None:
    assert block("README.md", "python", "class Restock") == (
        ROOT / "examples/warehouse.py"
    ).read_text("utf-8")


@pytest.mark.acceptance
def test_the_first_command_ends_with_a_result(tmp_path: Path) -> None:
    env = environment(tmp_path, MAKEFLAGS="--old-file=.venv/.runnable")
    assert "recommended_strategy" in shell(block("README.md", "bash", "make run"), ROOT, env)


@pytest.mark.acceptance
def test_the_example_is_tested_as_shown(tmp_path: Path) -> None:
    (tmp_path / "test_shown.py").write_text(block("README.md", "python", "(fleet)"))
    command = f"pytest -q -p no:cacheprovider -o orchestration_app={EXAMPLE} --rootdir=."
    assert "1 passed" in shell(command, tmp_path, environment(tmp_path))


@pytest.mark.acceptance
def test_the_example_is_run_as_shown(tmp_path: Path) -> None:
    text = block("README.md", "bash", "orchestrate send restock")
    assert "completed  100%" in shell(text, ROOT, environment(tmp_path, PORT=str(free_port())))


@pytest.mark.acceptance
def test_a_new_project_passes_its_tests(tmp_path: Path) -> None:
    printed = shell(block("README.md", "bash", "orchestrate new"), tmp_path, environment(tmp_path))
    assert re.search(r"\d passed", printed)


@pytest.mark.acceptance
def test_the_client_gets_its_answer(tmp_path: Path) -> None:
    port, shown = free_port(), block("README.md", "python", "Client()")
    env = environment(tmp_path, PORT=str(port), ORCHESTRATION_HOST="127.0.0.1")
    with started("orchestrate", "serve", cwd=tmp_path, env=env):
        eventually(lambda: is_ready(port), within=20, what="the server")
        printed = shell(f"python - <<'END'\n{shown}END", tmp_path, env)
        env |= {"ORCHESTRATION_URL": f"http://localhost:{port}"}
        served = shell(f"python - <<'END'\n{shown}END", tmp_path, env)
    assert printed == served == "healthy\n"


def is_ready(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").is_success
    return False


@pytest.mark.acceptance
def test_a_killed_run_is_finished(tmp_path: Path) -> None:
    printed = shell(block("README.md", "bash", "kill -9"), tmp_path, environment(tmp_path))
    assert "completed  100%" in printed
    assert re.search(r"validate_algorithms_\w{12} completed at", printed)


@pytest.mark.acceptance
@pytest.mark.rabbitmq
def test_the_same_runs_on_rabbitmq(tmp_path: Path, vhost: str) -> None:
    text = block("README.md", "bash", "dramatiq actors")
    assert BROKER in text
    printed = shell(text.replace(BROKER, vhost), ROOT, environment(tmp_path))
    assert "completed  100%" in printed

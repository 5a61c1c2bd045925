"""Everything that the README shows is run as it stands there."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from orchestration.settings import Settings
from tests.eventually import eventually

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
EXAMPLE = "examples.warehouse"
pytestmark = pytest.mark.timeout(120)
BROKER = "amqp://guest:guest@localhost:5672/"


def block(kind: str, word: str) -> str:
    """The one block of a kind in which a word occurs."""
    (found,) = [text for language, text in BLOCKS if language == kind and word in text]
    return str(found)


def environment(home: Path, **more: str) -> dict[str, str]:
    """This machine's, without the settings of whoever runs the tests."""
    ours = {name.upper() for name in Settings.model_fields} | {"ARGS", "JOBS", "MAKELEVEL"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    made = {"PATH": path, "ORCHESTRATION_HOME": str(home / "home"), "MAKEFLAGS": ""}
    return {**kept, **made, **more}


@contextmanager
def started(*words: str, cwd: Path, env: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A command in a process group of its own, of which nothing is left afterwards."""
    process = subprocess.Popen(
        words,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def shell(text: str, cwd: Path, env: Mapping[str, str]) -> str:
    """What a block prints, once everything that it started has ended."""
    with started("bash", "-euo", "pipefail", "-c", f"{text}\nwait", cwd=cwd, env=env) as process:
        printed, _ = process.communicate(timeout=110)
        assert process.returncode == 0, printed
    return printed


def test_the_example_is_the_one_that_is_shown() -> None:
    assert block("python", "class Restock") == (ROOT / "examples/warehouse.py").read_text("utf-8")


def test_every_setting_is_explained() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([A-Z_]+)`", "\n".join(rows))) == {
        n.upper() for n in Settings.model_fields
    }


def test_every_block_is_tested_here() -> None:
    tested = re.findall(r'block\("(bash|python)", "([^"]+)"\)', Path(__file__).read_text("utf-8"))
    assert {block(kind, word) for kind, word in tested} == {text for _, text in BLOCKS}


@pytest.mark.acceptance
def test_the_first_command_ends_with_a_result(tmp_path: Path) -> None:
    env = environment(tmp_path, MAKEFLAGS="--old-file=.venv/.runnable")
    assert "recommended_strategy" in shell(block("bash", "make run"), ROOT, env)


@pytest.mark.acceptance
def test_the_example_is_tested_as_shown(tmp_path: Path) -> None:
    (tmp_path / "test_shown.py").write_text(block("python", "(fleet)"))
    command = f"pytest -q -p no:cacheprovider -o orchestration_app={EXAMPLE} --rootdir=."
    assert "1 passed" in shell(command, tmp_path, environment(tmp_path))


@pytest.mark.acceptance
def test_a_new_project_passes_its_tests(tmp_path: Path) -> None:
    printed = shell(block("bash", "orchestrate new"), tmp_path, environment(tmp_path))
    assert re.search(r"\d passed", printed)


@pytest.mark.acceptance
def test_the_client_gets_its_answer(tmp_path: Path) -> None:
    env, shown = environment(tmp_path), block("python", "Client()")
    with started("orchestrate", "serve", cwd=tmp_path, env=env):
        eventually((tmp_path / "home").exists, within=20, what="the store")
        printed = shell(f"python - <<'END'\n{shown}END", tmp_path, env)
    assert printed == "healthy\n"


@pytest.mark.acceptance
def test_a_killed_run_is_finished(tmp_path: Path) -> None:
    printed = shell(block("bash", "kill -9"), tmp_path, environment(tmp_path))
    assert "completed  100%" in printed
    assert re.search(r"validate_algorithms_\w{12} completed at", printed)


@pytest.mark.acceptance
@pytest.mark.rabbitmq
def test_the_same_runs_on_rabbitmq(tmp_path: Path, vhost: str) -> None:
    text = block("bash", "dramatiq actors")
    assert BROKER in text
    printed = shell(text.replace(BROKER, vhost), ROOT, environment(tmp_path))
    assert "completed  100%" in printed

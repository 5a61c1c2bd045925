"""The command line in this process, over a store of the test's own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orchestration.cli.root import root
from orchestration.client import Client
from orchestration.engine import Engine
from tests.cli.processes import APP, Processes

Cli = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RABBITMQ_URL", "CLOUDAMQP_URL", "RABBITMQ_HOST", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORCHESTRATION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORCHESTRATION_APP", APP)
    return tmp_path / "home"


@pytest.fixture
def cli(home: Path) -> Cli:
    """Runs `orchestrate` with these words.

    `code` is the exit code that is expected; with 2 and 3, so many `lines` tell why.
    """
    del home

    def run(*words: str, code: int = 0, lines: int = 1, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(root, words, input=stdin, prog_name="orchestrate")
        assert result.exit_code == code, result.output
        if code in {2, 3}:
            assert result.stderr.count("\n") == lines, result.stderr
            assert "Traceback" not in result.stderr
        return result

    return run


@pytest.fixture
def values(cli: Cli) -> Callable[..., Any]:
    """Runs `orchestrate` with `-o json`, and reads its standard output."""
    return lambda *words, code=0: json.loads(cli(*words, "-o", "json", code=code).stdout)


@pytest.fixture
def client(home: Path) -> Iterator[Client]:
    del home
    with Client(sender="test") as found:
        yield found


@pytest.fixture
def engine(client: Client) -> Engine:
    return client.engine


@pytest.fixture
def processes(home: Path) -> Iterator[Processes]:
    with Processes(home) as found:
        yield found

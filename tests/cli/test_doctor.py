"""`orchestrate doctor` on settings, stores and fleets with something wrong, made for real."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestration.circuit import Circuit, CircuitState
from orchestration.cli.root import root
from orchestration.client import Client
from orchestration.clock import SystemClock
from orchestration.store import agents, circuits, control, dead_letters, workers
from orchestration.store.connect import Opened, open_store
from orchestration.store.dead_letters import DeadLetter
from orchestration.store.workers import NewWorker
from tests.cli.conftest import Cli

Findings = dict[str, dict[str, str]]
Examine = Callable[..., Findings]
CLOCK = SystemClock()
OFFERS = [f"worker.{action}@1" for action in ("work", "add_up", "wait", "hang", "boom", "nothing")]


@pytest.fixture
def examine(values: Callable[..., Any]) -> Examine:
    """Runs the doctor; its findings by their checks, the worst of each."""

    def run(*words: str, code: int = 0) -> Findings:
        found: Findings = {}
        order = ["ok", "warning", "problem"]
        for each in values("doctor", *words, code=code):
            assert set(each) == {"check", "level", "what", "cure"}
            assert each["cure"] or each["level"] == "ok"
            known = found.setdefault(each["check"], each)
            if order.index(each["level"]) > order.index(known["level"]):
                found[each["check"]] = each
        return found

    return run


@pytest.fixture
def opened(home: Path) -> Iterator[Opened]:
    found = open_store(f"sqlite:///{home}/orchestration.db")
    yield found
    found.store.close()


@pytest.fixture
def join(opened: Opened) -> Iterator[Callable[..., None]]:
    """Registers a live worker, perhaps of another machine."""
    held = []

    def joining(name: str, host: str, offers: list[str], ahead: timedelta = timedelta(0)) -> None:
        opened.locks.hold(name)
        held.append(name)
        new = NewWorker(
            id=name, host=host, pid=os.getpid(), release="1", offers=offers,
            transport="embedded", slots={"worker": 1},
        )  # fmt: skip
        opened.store.write(lambda s: workers.join(s, new, CLOCK.now() + ahead))

    yield joining
    for name in held:
        opened.locks.release(name)


def test_a_new_installation_has_no_problem(examine: Examine) -> None:
    found = examine()
    assert {each["level"] for each in found.values()} == {"ok"}
    assert "none yet" in found["store"]["what"]


def test_a_fleet_that_works_has_no_problem(
    examine: Examine, join: Callable[..., None], client: Client
) -> None:
    join("here", "one", OFFERS)
    client.start("job")
    assert {each["level"] for each in examine().values()} == {"ok"}


def test_the_transport_has_the_same_name_as_in_status(
    examine: Examine,
    opened: Opened,
    values: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened.store.write(lambda s: control.set_transport(s, "embedded"))
    said = f"the transport is {values('status')['transport']}"
    found = examine()
    assert said in found["settings"]["what"]
    assert said in found["broker"]["what"]
    assert "last worker" not in found["store"]["what"]
    monkeypatch.setenv("RABBITMQ_URL", "amqp://127.0.0.1:1/")
    said = CliRunner().invoke(root, ["doctor"], prog_name="orchestrate").stdout
    assert "settings: readable; the transport is amqp://127.0.0.1:1/%2F\n" in said
    assert "broker: amqp://127.0.0.1:1/%2F cannot be used" in said
    assert "the transport of its last worker was embedded\n" in said


def test_people_read_each_finding_with_its_cure(cli: Cli, client: Client) -> None:
    client.start("job")
    lines = cli("doctor", code=1).stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("problem  workers: no live"))
    assert lines[at + 1].strip() == "cure: start one: `orchestrate serve`"


def test_wrong_settings_are_the_only_finding(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", "http://guest:hunter22@x")
    found = examine(code=1)
    assert list(found) == ["settings"]
    assert "hunter22" not in str(found)


def test_an_app_that_cannot_be_loaded_is_a_problem(
    examine: Examine, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    del opened
    monkeypatch.setenv("ORCHESTRATION_APP", "no_such_module")
    found = examine(code=1)
    assert found["app"]["level"] == "problem"
    assert "dead letters" in found, "the rest is looked at all the same"


@pytest.mark.parametrize(
    ("sql", "cure"),
    [
        ("DELETE FROM schema_versions WHERE version > 1", "orchestrate migrate"),
        ("UPDATE schema_versions SET version = version + 9000", "install the release"),
    ],
)
def test_a_schema_that_is_not_ours_is_a_problem(
    sql: str, cure: str, examine: Examine, opened: Opened, home: Path
) -> None:
    opened.store.close()
    with sqlite3.connect(home / "orchestration.db") as connection:
        connection.execute(sql)
    connection.close()
    found = examine(code=1)
    assert found["schema"]["level"] == "problem"
    assert cure in found["schema"]["cure"]


def test_a_store_that_is_away_exits_3(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del home
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter22@127.0.0.1:1/x")
    result = CliRunner().invoke(root, ["doctor"], prog_name="orchestrate")
    assert result.exit_code == 3
    assert "problem  store: " in result.stdout
    assert "hunter22" not in result.output


def test_workers_of_two_machines_on_one_sqlite_store_are_a_problem(
    examine: Examine, join: Callable[..., None]
) -> None:
    join("here", "one", OFFERS)
    join("there", "two", OFFERS)
    found = examine(code=1)
    assert found["machines"]["level"] == "problem"
    assert "postgresql://" in found["machines"]["cure"]


def test_a_clock_that_is_ahead_is_a_warning(examine: Examine, join: Callable[..., None]) -> None:
    join("here", "afar", OFFERS, timedelta(minutes=1))
    found = examine()
    assert found["clocks"]["level"] == "warning"
    assert "afar" in found["clocks"]["what"]


def test_a_run_that_nobody_works_for_is_a_problem(examine: Examine, client: Client) -> None:
    run_id = client.start("job").workflow_id
    found = examine(code=1)
    assert run_id in found["workers"]["what"]
    assert "orchestrate serve" in found["workers"]["cure"]


def test_an_action_that_no_live_worker_offers_is_a_problem(
    examine: Examine, client: Client, join: Callable[..., None]
) -> None:
    join("here", "one", ["worker.work@1", "worker.add_up@2"])
    run_id = client.start("job").workflow_id
    found = examine(code=1)
    assert found["workers"]["level"] == "ok"
    assert f"offers worker.add_up@1, which {run_id} need" in found["actions"]["what"]


def test_an_open_circuit_is_a_warning(examine: Examine, opened: Opened) -> None:
    assert examine()["agents"]["level"] == "ok"
    opened.store.write(lambda s: circuits.save(s, "worker", Circuit(CircuitState.HALF_OPEN, 10)))
    found = examine()["agents"]
    assert "the circuit of agent worker is half open, since 10 attempts" in found["what"]
    assert "`orchestrate agents resume worker` closes it" in found["cure"]


def test_an_outside_agent_that_never_beat_is_a_warning(
    examine: Examine, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTSIDE_AGENTS", "worker")
    opened.store.write(lambda s: agents.beat(s, "heard_agent", None, None, CLOCK.now()))
    assert examine()["outside agents"]["what"].startswith("worker has never sent")
    opened.store.write(lambda s: agents.beat(s, "worker", None, None, CLOCK.now()))
    assert examine()["outside agents"]["level"] == "ok"


def test_a_variable_that_is_very_like_a_setting_is_a_warning(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert examine()["settings"]["level"] == "ok"
    monkeypatch.setenv("RABITMQ_URL", "amqp://host")
    found = examine()["settings"]
    assert found["level"] == "warning"
    assert found["what"] == "RABITMQ_URL is not a setting: did you mean RABBITMQ_URL?"


def test_an_outside_agent_that_the_app_does_not_declare_is_a_warning(
    examine: Examine, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTSIDE_AGENTS", "wroker")
    opened.store.write(lambda s: agents.beat(s, "wroker", None, None, CLOCK.now()))
    found = examine()["outside agents"]
    assert found["level"] == "warning"
    assert found["what"] == "OUTSIDE_AGENTS: unknown agent 'wroker'; known: worker"
    assert "declare the agent in the app" in found["cure"]


def test_dead_letters_of_the_last_hour_are_a_warning(examine: Examine, opened: Opened) -> None:
    letter = DeadLetter(
        reason="malformed", detail="no JSON", routing_key="command.orchestration", body=b"{",
        sender="somebody", message_id=None, masked=False,
    )  # fmt: skip
    long_ago = CLOCK.now() - timedelta(hours=2)
    opened.store.write(lambda s: dead_letters.add(s, letter, long_ago))
    assert examine()["dead letters"]["level"] == "ok"
    opened.store.write(lambda s: dead_letters.add(s, letter, CLOCK.now()))
    assert "1 in the last hour" in examine()["dead letters"]["what"]


def test_a_log_that_a_reader_holds_up_is_a_warning(
    examine: Examine, opened: Opened, home: Path
) -> None:
    reader = sqlite3.connect(home / "orchestration.db")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM runs").fetchall()
    body = "INSERT INTO artifacts VALUES ('r', 'd', ?, zeroblob(10000000))"
    for chunk in range(7):
        opened.store.write(lambda s, n=chunk: s.run(body, n))  # type: ignore[misc]
    assert examine()["write-ahead log"]["level"] == "warning"
    reader.close()


@pytest.mark.postgres
def test_the_servers_clock_is_compared_on_postgresql(
    examine: Examine, empty_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_schema)
    open_store(empty_schema).store.close()
    found = examine()
    assert "PostgreSQL server" in found["clocks"]["what"]
    assert "machines" not in found


@pytest.mark.postgres
def test_on_postgresql_nothing_is_said_of_clocks_that_are_not_seen(
    examine: Examine, empty_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_schema)
    opened = open_store(empty_schema)
    opened.locks.hold("there")
    new = NewWorker(
        id="there", host="afar", pid=os.getpid(), release="1", offers=OFFERS,
        transport="embedded", slots={"worker": 1},
    )  # fmt: skip
    opened.store.write(lambda s: workers.join(s, new, CLOCK.now()))
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda self: now(self) + timedelta(minutes=10))
    try:
        found = examine()["clocks"]
    finally:
        opened.locks.close()
        opened.store.close()
    assert (found["level"], "afar" in found["what"]) == ("warning", False)
    assert "PostgreSQL server is 600 s behind" in found["what"]

"""`run` and `send`: alone in this process, or as the client of those who serve the store."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pika
import pytest

import orchestration.desk.starting as desk_starting
from orchestration import exit_codes
from orchestration.bus.vhost_claim import VhostClaim
from orchestration.cli import following, starting
from orchestration.client import Client
from orchestration.clock import SystemClock
from orchestration.engine import Engine
from orchestration.engine.submit import Command
from orchestration.errors import NotFoundError, StoreError
from orchestration.patience import Patience
from orchestration.ports import Session
from orchestration.store import workers
from orchestration.store.connect import open_store
from orchestration.store.group import Group
from orchestration.store.workers import NewWorker
from orchestration.views import progress
from tests.cli.conftest import Cli
from tests.cli.processes import Processes
from tests.clock import FakeClock


def test_a_run_prints_its_steps_and_its_result(cli: Cli) -> None:
    output = cli("run", "job", "-p", "items=x,y").stdout

    assert "working  completed 2/2" in output
    assert "completed  100%" in output
    lines = [line.split() for line in output.splitlines()]
    assert ["x", "y"] in lines
    assert ["score", "1.25", "1.25"] in lines
    assert "equity" not in output


def test_a_run_whose_id_is_anothers_is_told_of_under_its_own(
    cli: Cli, values: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (starting, desk_starting):
        monkeypatch.setattr(module, "run_hex", lambda: "0" * 12)
    assert cli("send", "job").stdout.strip() == "job_000000000000"
    told = cli("run", "job", code=exit_codes.DETACHED)
    assert "job_000000000001" in told.output
    assert "`orchestrate serve` finishes it" in told.output
    assert {each["id"] for each in values("workflows", "list")} == {
        "job_000000000000",
        "job_000000000001",
    }


def test_json_is_one_value_without_curves(values: Callable[..., Any]) -> None:
    final = values("run", "job", "-p", "items=x")

    assert final["status"] == "completed"
    assert final["error_messages"] == []
    assert list(final) == ["workflow_id", "status", "result", "error_messages"]
    assert final["result"] == {
        "count": 1,
        "strategies": {"x": {"score": 1.25, "reasons": ["r", "s"]}},
    }


def test_full_leaves_nothing_out(values: Callable[..., Any]) -> None:
    assert "equity_curve" in values("run", "job", "--full")["result"]


def test_a_failed_run_says_why_and_exits_1(cli: Cli, values: Callable[..., Any]) -> None:
    output = cli("run", "bad", code=1).stdout
    assert "step booming: ValueError: boom and a second line" in output
    assert "next: `orchestrate workflows show bad_" in output

    final = values("run", "bad", code=1)
    assert (final["status"], final["result"]) == ("failed", None)
    assert final["error_messages"] == ["step booming: ValueError: boom and a second line"]


def test_a_lone_run_that_fails_is_an_alert_for_others_and_no_noise_here(
    cli: Cli, values: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    cli("run", "bad", code=1)
    (alert,) = values("alerts", "list")
    assert (alert["kind"], alert["status"]) == ("workflow_failed", "told")
    assert not [
        record
        for record in caplog.records
        if record.name.endswith("alerter") and record.levelname != "INFO"
    ]


def test_parameters_may_come_from_standard_input(cli: Cli) -> None:
    assert "count" in cli("run", "job", "--json", "-", stdin='{"items": ["z"]}').stdout


def test_a_sent_run_waits_for_a_worker(cli: Cli, values: Callable[..., Any]) -> None:
    result = cli("send", "job", "--priority", "4")
    run_id = result.stdout.strip()

    assert "no worker is alive: `orchestrate serve`" in result.stderr
    (run,) = values("workflows", "list")
    assert (run["id"], run["progress"], run["priority"]) == (run_id, 0.0, 4)


@pytest.fixture
def worker_on(home: Path) -> Iterator[Callable[[str], None]]:
    """Registers a live worker on a transport."""
    opened = open_store(f"sqlite:///{home}/orchestration.db")

    def join(transport: str) -> None:
        new = NewWorker(
            id="there", host="host", pid=1, release="1", offers=[], transport=transport, slots={}
        )
        opened.locks.hold("there")
        opened.store.write(lambda s: workers.join(s, new, SystemClock().now()))

    with closing(opened.store), closing(opened.locks):
        yield join


def test_workers_on_a_broker_that_this_shell_does_not_name_are_named(
    cli: Cli, worker_on: Callable[[str], None]
) -> None:
    worker_on("amqp://rabbit:5672/fleet")
    told = cli("send", "job").stderr
    assert "by the workers of this store, which are on amqp://rabbit:5672/fleet" in told
    assert "RABBITMQ_URL is not set: set it to the same address" in told


@pytest.mark.rabbitmq
@pytest.mark.parametrize(
    ("transport", "cure"),
    [
        ("amqp://rabbit:5672/fleet", "set RABBITMQ_URL to the same address"),
        ("embedded", "unset RABBITMQ_URL, CLOUDAMQP_URL and RABBITMQ_HOST"),
    ],
)
def test_workers_elsewhere_than_this_shell_says_are_named(
    transport: str,
    cure: str,
    cli: Cli,
    worker_on: Callable[[str], None],
    vhost: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker_on(transport)
    monkeypatch.setenv("RABBITMQ_URL", vhost)
    told = cli("send", "job").stderr
    assert f"which are on {transport}; here amqp://" in told
    assert told.endswith(f"is set: {cure}\n")


@pytest.mark.rabbitmq
def test_a_vhost_on_which_nobody_works_is_named(
    cli: Cli, vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", vhost)
    told = cli("send", "job").stderr
    assert told.startswith("no worker is alive on amqp://")
    assert told.endswith(f"/{vhost.rpartition('/')[2]}: `dramatiq tests.cli.sample` starts it\n")


@pytest.mark.rabbitmq
def test_nothing_is_started_on_the_vhost_of_another_fleet(
    cli: Cli, values: Callable[..., Any], vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", vhost)
    with pika.BlockingConnection(pika.URLParameters(vhost)) as connection:
        VhostClaim("22222222 there:/theirs.db", vhost).make(connection)
        for verb in ("run", "send"):
            told = cli(verb, "job", code=3).stderr
            assert "use the store '22222222 there:/theirs.db'" in told
            assert "or each environment a vhost" in told
    assert values("workflows", "list") == []


def test_the_same_key_starts_one_run(cli: Cli, values: Callable[..., Any]) -> None:
    words = ("send", "job", "--idempotency-key", "k")
    assert values(*words) == values(*words)
    assert "used the key 'k' for another command" in cli(*words, "-p", "count=2", code=2).stderr


def test_a_store_that_cannot_be_written_is_unreachable(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ORCHESTRATION_HOME", str(tmp_path / "file" / "home"))
    assert "set ORCHESTRATION_HOME to a writable directory" in cli("run", "job", code=3).stderr


def test_a_file_that_is_no_store_is_unreachable(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no database" * 500)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/notes.txt")
    assert "file is not a database" in cli("run", "job", code=3).stderr


def test_a_store_newer_than_the_code_is_refused(
    cli: Cli, client: Client, processes: Processes
) -> None:
    client.engine.store.write(
        lambda s: s.run("INSERT INTO schema_versions (version, name) VALUES (9999, '!future')")
    )
    for words in (["run", "job"], ["workflows", "list"], ["migrate", "--check"]):
        assert "the store has schema 9999" in cli(*words, code=3).stderr
    processes.run("serve", code=3)


def test_an_unreachable_broker_is_named_before_anything_is_written(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", "amqp://guest:secret@127.0.0.1:1/")
    for verb in ("run", "send"):
        message = cli(verb, "job", code=3).stderr
        assert "cannot use RabbitMQ at amqp://127.0.0.1:1/" in message
        assert "secret" not in message
    assert not home.exists()


def test_serve_is_for_stores_without_a_broker(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:1/")
    assert "`dramatiq tests.cli.sample` and `python -m scheduler`" in cli("serve", code=2).stderr


def test_a_lone_run_keeps_the_store_within_its_bounds(
    values: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_RUNS", "2")
    for _ in range(4):
        values("run", "job")
    assert len(values("workflows", "list")) == 2


def test_a_key_finds_the_run_that_it_started(cli: Cli, values: Callable[..., Any]) -> None:
    with_key = ("run", "job", "--idempotency-key", "again")
    first, second = (values(*with_key) for _ in range(2))
    assert first == second
    assert "another" in cli(*with_key, "-p", "count=2", code=2).stderr
    assert "idempotency_key: 1 to" in cli("run", "job", "--idempotency-key", "", code=2).stderr
    assert len(values("workflows", "list")) == 1


def test_a_key_of_an_open_run_that_nobody_serves_finishes_it(
    cli: Cli, values: Callable[..., Any]
) -> None:
    with_key = ("job", "--idempotency-key", "again")
    run_id = cli("send", *with_key).stdout.strip()
    cli("run", *with_key, "-p", "count=2", code=2)
    (left,) = values("workflows", "list")
    assert (left["id"], left["progress"]) == (run_id, 0.0)
    final = values("run", *with_key)
    assert (final["workflow_id"], final["status"]) == (run_id, "completed")


def test_a_key_that_another_process_uses_meanwhile_leaves_the_run_to_others(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_key = ("job", "--idempotency-key", "again")
    run_id = cli("send", *with_key).stdout.strip()
    monkeypatch.setattr(starting, "known_by", lambda _opened, _command: None)
    told = cli("run", *with_key, code=exit_codes.DETACHED).stderr
    assert f"detached from {run_id}: `orchestrate serve` finishes it" in told


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Has no picture of a run for so many looks."""
    clock = FakeClock()
    quick = partial(Patience, monotonic=clock.monotonic, sleep=clock.sleep)
    monkeypatch.setattr(following, "Patience", quick)

    def away(times: int) -> None:
        look, left = progress.picture, [times]

        def picture(session: Session, run_id: str) -> progress.Picture:
            if left[0]:
                left[0] -= 1
                raise StoreError("the disk is away")
            return look(session, run_id)

        monkeypatch.setattr(progress, "picture", picture)

    return away


def test_a_run_is_followed_though_the_store_was_away(
    values: Callable[..., Any], away: Callable[[int], None]
) -> None:
    away(3)
    assert values("run", "job")["status"] == "completed"


@pytest.mark.parametrize("writes", [True, False])
def test_a_run_that_was_started_is_told_though_the_store_stays_away(
    cli: Cli,
    values: Callable[..., Any],
    away: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    *,
    writes: bool,
) -> None:
    away(1_000)
    with monkeypatch.context() as patch:
        if not writes:
            fail_after_the_start(patch)
        told = cli("run", "job", "-o", "json", code=3, lines=4)
    run_id = json.loads(told.stdout)["workflow_id"]
    assert told.stderr.startswith("orchestrate: asking again: the disk is away\n")
    assert told.stderr.endswith("\norchestrate: the disk is away\n")
    assert f"detached from {run_id}: `orchestrate serve` finishes it" in told.stderr
    assert [each["id"] for each in values("workflows", "list")] == [run_id]


def fail_after_the_start(patch: pytest.MonkeyPatch) -> None:
    """Let every write fail once a run was submitted."""
    submit = Engine.submit

    def submitted(engine: Engine, command: Command) -> str:
        run_id = submit(engine, command)
        patch.setattr(Group, "do", lambda _group, some: [StoreError("no room") for _ in some])
        return run_id

    patch.setattr(Engine, "submit", submitted)


def test_a_run_that_is_gone_before_its_end_was_seen_is_told_with_that_error(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_session: Session, run_id: str) -> progress.Picture:
        raise NotFoundError(f"no workflow {run_id!r}")

    monkeypatch.setattr(progress, "picture", gone)
    told = cli("run", "job", code=2, lines=3).stderr
    assert "detached from job_" in told
    assert "\norchestrate: no workflow 'job_" in told

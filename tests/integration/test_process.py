"""What a worker process decides about itself, before and while it works."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import dramatiq
import pytest

from orchestration import settings
from orchestration.errors import OrchestrationError
from orchestration.runtime import process
from orchestration.runtime.broker import make_broker
from orchestration.runtime.gate import Gate
from orchestration.runtime.host import Host
from orchestration.runtime.process import Lifecycle
from orchestration.runtime.running import Setup
from orchestration.runtime.watchdog import Watchdog
from tests.integration.workshop import AGENT, Anvil

AWAY = "amqp://guest:guest@127.0.0.1:1/x"


@pytest.fixture
def host(anvil: Anvil, tmp_path: Path) -> Iterator[Host]:
    broker = make_broker(None, [])
    found = settings.load({"ORCHESTRATION_HOME": str(tmp_path)})
    made = Host(Setup(anvil.app, found, broker))
    yield made
    made.stop()
    broker.close()


@dataclass
class FakeWorker:
    """What `Lifecycle` looks at in a Dramatiq worker."""

    worker_threads: int = 2
    consumer_whitelist: set[str] | None = None
    queue_prefetch: int = 0
    workers: list[threading.Thread] = field(default_factory=list)
    consumers: dict[str, Any] = field(default_factory=dict)


def lifecycle(host: Host) -> tuple[Lifecycle, Any, Any]:
    found = Lifecycle()
    found.host = host
    return found, host._setup.broker, FakeWorker()  # noqa: SLF001


def test_a_host_has_no_parts_until_it_is_started(host: Host) -> None:
    with pytest.raises(OrchestrationError, match="not running"):
        _ = host.running
    host.drain()
    host.start({AGENT: 2, "orchestrator": 2})
    assert host.running.engine.rules.offers == {f"{AGENT}.forge@1", f"{AGENT}.melt@1"}


def test_a_process_ends_when_it_would_do_harm() -> None:
    lost = [0]
    watchdog = Watchdog(lambda: lost[0], orphan=False)
    worker: Any = FakeWorker(workers=[threading.current_thread()])
    assert watchdog.why_end() is None
    watchdog.watch(worker)
    assert watchdog.why_end() is None
    lost[0] = 1
    assert "no longer theirs" in str(watchdog.why_end())
    worker.workers.append(threading.Thread())
    assert watchdog.why_end() == "a worker thread has died"
    watchdog.rest()
    assert watchdog.why_end() is None


def test_a_worker_does_not_outlive_its_master(monkeypatch: pytest.MonkeyPatch) -> None:
    class Master:
        pid = os.getppid()

    monkeypatch.setattr(multiprocessing, "parent_process", Master)
    watchdog = Watchdog(lambda: 0, orphan=True)
    assert watchdog.why_end() is None
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert watchdog.why_end() == "its parent is gone"


@pytest.mark.rabbitmq
def test_an_app_is_served_by_a_worker_process_from_its_start_to_its_end(
    anvil: Anvil, vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", vhost)
    monkeypatch.setenv("ORCHESTRATION_HOME", str(tmp_path))
    monkeypatch.delenv("ORCHESTRATION_APP", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    process.host(anvil.app)
    broker = dramatiq.get_broker()
    mine = next(each for each in broker.middleware if isinstance(each, Lifecycle))
    worker: Any = FakeWorker()
    mine.after_process_boot(broker)
    mine.before_worker_boot(broker, worker)
    assert worker.queue_prefetch == 2
    assert mine.host.running.engine.rules.offers
    mine.before_worker_shutdown(broker, worker)
    assert mine.host.running.frame.draining
    mine.after_worker_shutdown(broker, worker)
    broker.close()
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("environment", "code", "hint"),
    [
        ({}, 3, "orchestrate serve"),
        ({"RABBITMQ_URL": "http://x"}, 2, "expected one amqp://"),
    ],
)
def test_a_process_without_a_broker_says_so_and_exits(
    environment: dict[str, str],
    code: int,
    hint: str,
    anvil: Anvil,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("RABBITMQ_URL", "CLOUDAMQP_URL", "RABBITMQ_HOST", "ORCHESTRATION_APP"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        process.host(anvil.app)
    assert caught.value.code == code
    assert hint in capsys.readouterr().err


def test_a_worker_tells_what_may_be_a_slip_in_its_settings(
    anvil: Anvil,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WORKFLOW_TIEMOUT", "5")
    values = {"RABBITMQ_URL": AWAY, "ORCHESTRATION_HOME": str(tmp_path), "OUTSIDE_AGENTS": "avnil"}
    process.serve(anvil.app, settings.load(values))
    dramatiq.get_broker().close()
    said = capfd.readouterr().err
    assert "WORKFLOW_TIEMOUT is not a setting: did you mean WORKFLOW_TIMEOUT?" in said
    assert f"OUTSIDE_AGENTS: unknown agent 'avnil'; known: {AGENT}" in said


def test_a_broker_that_is_away_at_the_start_ends_the_process(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", AWAY)
    mine, broker, worker = lifecycle(host)
    with pytest.raises(SystemExit) as caught:
        mine.before_worker_boot(broker, worker)
    assert caught.value.code == 3
    assert "cannot use RabbitMQ" in capsys.readouterr().err


def test_a_queue_that_nobody_has_is_refused_with_those_that_are_known(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, broker, worker = lifecycle(host)
    worker.consumer_whitelist = {AGENT, "anvli"}
    with pytest.raises(SystemExit) as caught:
        mine.before_worker_boot(broker, worker)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "-Q anvli: no such queue; known: " in said
    assert AGENT in said.partition("known: ")[2]


def test_the_app_that_is_named_is_served(anvil: Anvil, monkeypatch: pytest.MonkeyPatch) -> None:
    app, other = anvil.app, anvil.app
    module = ModuleType("the_fleet")
    monkeypatch.setitem(sys.modules, "the_fleet", module)
    assert process.is_named(other, "the_fleet"), "while it is being imported, nobody can know"
    module.app = app  # type: ignore[attr-defined]
    assert process.is_named(app, "the_fleet")
    assert not process.is_named(other, "the_fleet")


def test_naming_another_app_imports_it(
    anvil: Anvil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "somebody_elses.py").write_text("app = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not process.is_named(anvil.app, "somebody_elses")
    assert sys.modules.pop("somebody_elses").app is None


def test_only_the_first_of_several_equal_signals_is_seen() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: seen.append(number))
    try:
        process.stop_once(signal.SIGUSR1)
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGUSR1)
        assert seen == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_must_be_alone_has_nothing_beside_it() -> None:
    gate, inside, free = Gate(), threading.Event(), threading.Event()
    order: list[str] = []

    def pass_through(name: str, *, alone: bool) -> None:
        with gate.entered(name, alone=alone):
            order.append(f"{name} in")
            inside.set()
            assert free.wait(5)
            order.append(f"{name} out")

    threads = []
    for name, alone in (("first", False), ("alone", True), ("last", False)):
        thread = threading.Thread(target=pass_through, args=(name,), kwargs={"alone": alone})
        thread.start()
        threads.append(thread)
        assert inside.wait(5)
        thread.join(0.05)
    assert order == ["first in"]
    free.set()
    for thread in threads:
        thread.join(5)
    assert order == [f"{who} {way}" for who in ("first", "alone", "last") for way in ("in", "out")]

"""The Python client over a fleet in this process."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dramatiq.errors import ConnectionClosed

from orchestration import settings
from orchestration.client import Client
from orchestration.errors import (
    ConfigurationError,
    DefinitionError,
    DuplicateCommandError,
    NotFoundError,
    RejectedError,
    WorkflowFailedError,
)
from orchestration.hosting import App, load_app
from orchestration.runtime.embedded import embedded
from orchestration.runtime.serving import serving
from orchestration.runtime.ticker import tick
from orchestration.state import RunStatus
from tests.acceptance.processes import ROOT
from tests.eventually import eventually
from tests.integration.workshop import Anvil, Order

FORGETFUL = """
from orchestration import Client
from tests.integration.workshop import Anvil

client = Client(app=Anvil().app)
client.start("order", {"pieces": [1]})
"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    for name in ("RABBITMQ_URL", "CLOUDAMQP_URL", "RABBITMQ_HOST", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORCHESTRATION_HOME", str(tmp_path / "home"))
    return settings.load()


@pytest.fixture
def client(anvil: Anvil, found: settings.Settings) -> Iterator[Client]:
    app = anvil.app
    with serving(app, found), Client(app=app) as made:
        yield made


def test_a_workflow_is_started_followed_and_found_again(client: Client, anvil: Anvil) -> None:
    anvil.free.set()
    handle = client.start("order", Order(pieces=[3, 4]), idempotency_key="k", priority=4)
    assert handle.result(10) == [3, 4]
    assert handle.status()["priority"] == 4
    again = client.start("order", {"pieces": [3, 4]}, idempotency_key="k")
    assert again.workflow_id == handle.workflow_id
    kinds = [event.kind for event in client.workflow(handle.workflow_id).events()]
    assert kinds[0] == "run.pending"
    assert kinds[-1] == "run.completed"


@pytest.mark.parametrize("priority", [0, 5, -1])
def test_a_priority_that_does_not_exist_is_refused(client: Client, priority: int) -> None:
    with pytest.raises(RejectedError, match="priority: 1"):
        client.start("order", {"pieces": []}, priority=priority)


def test_an_empty_key_is_refused(client: Client) -> None:
    with pytest.raises(RejectedError, match="idempotency_key"):
        client.start("order", {"pieces": []}, idempotency_key="")


def test_a_fork_under_a_key_is_made_once(client: Client, anvil: Anvil) -> None:
    anvil.free.set()
    old = client.start("order", {"pieces": [3]})
    old.result(10)
    forks = [
        client.fork(old.workflow_id, {"pieces": [4]}, idempotency_key="k").workflow_id
        for _ in range(2)
    ]
    assert forks[0] == forks[1] != old.workflow_id
    with pytest.raises(RejectedError, match="it is too long"):
        client.fork(old.workflow_id, idempotency_key="k" * 201, again=["forging"])


def test_what_is_wrong_is_refused(client: Client) -> None:
    client.start("order", {"pieces": []}, idempotency_key="k")
    with pytest.raises(DuplicateCommandError):
        client.start("order", {"pieces": [9]}, idempotency_key="k")
    with pytest.raises(RejectedError, match="pieces"):
        client.start("order", {"pieces": "many"})
    with pytest.raises(RejectedError, match="unknown command"):
        client.start("nonesuch")
    with pytest.raises(NotFoundError):
        client.workflow("order_gone").result(1)


def test_a_result_that_takes_longer_than_one_waits(client: Client, anvil: Anvil) -> None:
    handle = client.start("order")
    anvil.wait()
    with pytest.raises(TimeoutError, match="has not ended within"):
        handle.result(0.1)
    following = iter(handle.events())
    assert next(following).kind == "run.pending"
    assert handle.cancel("enough") in {RunStatus.UNDOING, RunStatus.CANCELLED}
    with pytest.raises(WorkflowFailedError, match="enough") as caught:
        handle.result(15)
    assert caught.value.status == "cancelled"


def test_the_sender_cancels_and_forks(anvil: Anvil, found: settings.Settings) -> None:
    with serving(anvil.app, found), Client(app=anvil.app, sender="ann") as ann:
        started = ann.start("order")
        anvil.wait()
        ann.workflow(started.workflow_id).cancel("enough")
        with pytest.raises(WorkflowFailedError):
            started.result(15)
        ann.fork(started.workflow_id).cancel("again")
        said = ann.engine.store.read(lambda s: s.all("SELECT actor, action FROM audit"))
    assert sorted(said) == [("ann", "fork"), ("ann: again", "cancel"), ("ann: enough", "cancel")]


def test_events_are_followed_while_they_happen(client: Client, anvil: Anvil) -> None:
    handle = client.start("order")
    anvil.wait()
    kinds: list[str] = []
    reader = threading.Thread(target=lambda: kinds.extend(e.kind for e in handle.events()))
    reader.start()
    reader.join(0.2)
    anvil.free.set()
    reader.join(10)
    assert kinds[-1] == "run.completed"


def test_a_scope_leaves_other_runs_alone(anvil: Anvil, found: settings.Settings) -> None:
    anvil.free.set()
    app = anvil.app
    with Client(app=app) as client:
        mine, other = client.start("order"), client.start("order")
        with embedded(app, found, scope=mine.workflow_id, threads=2) as host:
            host.running.engine.refill()
            assert mine.result(10) == [1]
        assert not other.phase().ended
        assert len(anvil.calls) == 1


def test_a_tick_does_what_a_scheduler_asks_for(anvil: Anvil, found: settings.Settings) -> None:
    app = anvil.app
    with embedded(app, found, threads=2) as host:
        tick(host._setup.broker, "orchestrator")  # noqa: SLF001
        tick(host._setup.broker, "heartbeat_monitor")  # noqa: SLF001
        engine = host.running.engine
        swept = "SELECT swept_at FROM control"
        eventually(lambda: engine.store.read(lambda s: s.all(swept))[0][0] > 0, within=5)


def test_a_tick_that_cannot_be_sent_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        def enqueue(self, _message: Any) -> None:
            raise ConnectionClosed(OSError("away"))  # type: ignore[no-untyped-call]

    tick(Away(), "orchestrator")  # type: ignore[arg-type]
    assert "no tick for orchestrator" in caplog.text


def test_a_module_without_an_app_is_named() -> None:
    with pytest.raises(ConfigurationError, match="can be imported from here"):
        load_app("no_such_module_anywhere")
    with pytest.raises(ConfigurationError, match="has no `app"):
        load_app("json")
    assert isinstance(load_app("examples.warehouse"), App)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("shop:app", "shop"),
        ("shop.py", "shop"),
        ("./shop.py", "shop"),
        ("shop.py:app", "shop"),
        ("work/shop.py", "work.shop"),
        ("work.shop:app", "work.shop"),
        ("/srv/work/shop.py", "shop"),
        (".shop", "shop"),
        ("..shop", "shop"),
        ("../shop.py", "shop"),
    ],
)
def test_an_app_is_named_by_its_module_alone(name: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=f"write {meant}, the name of a module"):
        load_app(name)


def test_a_mere_directory_is_told_from_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_of_a_stranger").mkdir()
    (tmp_path / "shop_of_a_stranger" / "shop_of_a_stranger.py").write_text("app = None")
    monkeypatch.syspath_prepend(tmp_path)
    told = "no module named shop_of_a_stranger is here, .* is a mere directory: cd into"
    with pytest.raises(ConfigurationError, match=told):
        load_app("shop_of_a_stranger")
    with pytest.raises(ConfigurationError, match="no module named nowhere_at_all is here: cd into"):
        load_app("nowhere_at_all")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import helprs", "no module named helprs is here, but helpers is: correct that import$"),
        ("import typoed.toolz", "no module named typoed.toolz is here, but tools is: correct"),
        ("import typoed.helpers", "no module named typoed.helpers is here: correct that import$"),
        ("import far_away", "no module named far_away is here: correct that import, or install it"),
        ("from orchestration import Agnet", "cannot import name 'Agnet' .*: correct that import$"),
    ],
)
def test_an_import_that_fails_is_named_with_its_line(
    line: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "helpers.py").touch()
    (tmp_path / "typoed").mkdir()
    (tmp_path / "typoed" / "__init__.py").touch()
    (tmp_path / "typoed" / "tools.py").touch()
    monkeypatch.delitem(sys.modules, "typoed", raising=False)
    (tmp_path / "shop_with_a_typo.py").write_text(f"import json\n\n{line}\n")
    monkeypatch.syspath_prepend(tmp_path)
    where = re.escape(f"{tmp_path / 'shop_with_a_typo.py'}, line 3: ")
    with pytest.raises(ConfigurationError, match=f"^app shop_with_a_typo: {where}{told}"):
        load_app("shop_with_a_typo")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("app = Ap()", "NameError: name 'Ap' is not defined: correct that line$"),
        ("app = App(agent=[])", r"TypeError: .*unexpected keyword.* 'agent': correct that line$"),
        ("app = json.loads('{')", "JSONDecodeError: Expecting .*: correct that line$"),
        ("app = App(", "SyntaxError: '\\(' was never closed: correct that line$"),
        ("assert not json", "AssertionError: correct that line$"),
    ],
)
def test_a_mistake_in_the_app_s_module_is_named_with_its_line(
    line: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "shop_with_a_mistake.py"
    module.write_text(f"import json\nfrom orchestration import Agent, App\n{line}\n")
    monkeypatch.syspath_prepend(tmp_path)
    where = re.escape(f"{module}, line 3: ")
    with pytest.raises(ConfigurationError, match=f"^app shop_with_a_mistake: {where}{told}"):
        load_app("shop_with_a_mistake")


@pytest.mark.parametrize("name", [".", "..", "./"])
def test_what_names_no_module_is_told_how_to_name_one(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r": name a module that can be imported"):
        load_app(name)


@pytest.mark.parametrize("text", ["app = 1\0", "\0"])
def test_a_file_that_no_line_of_can_be_read_is_told_without_one(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_with_rubbish.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    told = r"^app shop_with_rubbish: \w+Error: source code .* null bytes$"
    with pytest.raises(ConfigurationError, match=told):
        load_app("shop_with_rubbish")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("raise ConnectionRefusedError(111, 'refused')", "ConnectionRefusedError: .*refused$"),
        ("Redis(port=1).ping()", "ConnectionError: .*refused"),
    ],
)
def test_what_no_edit_cures_is_not_told_as_a_line_to_correct(
    statement: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "shop_without_a_server.py"
    module.write_text(f"from redis import Redis\n{statement}\n")
    monkeypatch.syspath_prepend(tmp_path)
    where = re.escape(f"app shop_without_a_server: {module}, line 2: ")
    with pytest.raises(ConfigurationError, match=f"^{where}{told}") as raised:
        load_app("shop_without_a_server")
    assert "correct that line" not in str(raised.value)


def test_a_wrong_declaration_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the app's module only imports the one that has it."""
    makers, module = tmp_path / "makers_of_agents.py", tmp_path / "shop_with_makers.py"
    makers.write_text("from orchestration import Agent\n\nAgent('x', actions=[print])\n")
    module.write_text("import makers_of_agents\n")
    monkeypatch.syspath_prepend(tmp_path)
    where = re.escape(f"app shop_with_makers: {makers}, line 3: agent x: actions=")
    with pytest.raises(DefinitionError, match=f"^{where}"):
        load_app("shop_with_makers")


def test_a_mistake_in_an_installed_app_is_named_with_the_line_of_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages"
    installed.mkdir()
    (installed / "shop_of_a_wheel.py").write_text("import json\n\njson.loads('{')\n")
    monkeypatch.syspath_prepend(installed)
    with pytest.raises(ConfigurationError, match=r"shop_of_a_wheel\.py, line 3: JSONDecodeError"):
        load_app("shop_of_a_wheel")


def test_who_never_closes_a_client_ends_all_the_same(found: settings.Settings) -> None:
    words = [sys.executable, "-c", FORGETFUL]
    home = {"PATH": "", "ORCHESTRATION_HOME": str(found.orchestration_home)}
    subprocess.run(words, cwd=ROOT, env=home, check=True, timeout=30)

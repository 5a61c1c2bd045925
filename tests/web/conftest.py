"""The HTTP part in this process, over a store of the test's own."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orchestration import Client, settings
from orchestration.cli.root import root
from orchestration.desk.starting import command_of
from orchestration.engine import Engine
from orchestration.patience import Patience
from orchestration.runtime.serving import serving
from orchestration.web.application import create_app
from orchestration.web.console import Console, console_of, opened_console
from orchestration.web.limits import Limits
from tests.cli.sample import app as sample
from tests.clock import FakeClock
from tests.web.browsing import ELSEWHERE, HERE, Browser, browsing
from tests.web.stock import Stock
from tests.web.stock import app as stocked
from tests.web.streaming import served

TOKEN = "a-token-that-nobody-guesses"  # noqa: S105 - of the tests
Browse = Callable[..., Browser]
Cli = Callable[..., Result]
Values = Callable[..., Any]
Quick = Callable[..., Patience]


@pytest.fixture
def environ(quick_path: Path) -> dict[str, str]:
    """The environment that the settings are read from."""
    return {"ORCHESTRATION_HOME": str(quick_path), "ORCHESTRATION_APP": "tests.cli.sample"}


@pytest.fixture
def console(environ: dict[str, str]) -> Iterator[Console]:
    with opened_console(sample, settings.load(environ)) as opened:
        yield opened


@pytest.fixture
def run_id(console: Console) -> str:
    """A run that waits."""
    return console.engine.submit(command_of(console.app, "job", {}, "test"))


@pytest.fixture
def browse(console: Console) -> Iterator[Browse]:
    """Makes clients of the application, by default of this machine and without a token."""
    with ExitStack() as stack:

        def make(
            *,
            base_url: str = "http://localhost:8080",
            client: tuple[str, int] = HERE,
            **changes: Any,
        ) -> Browser:
            app = create_app(replace(console, **changes))
            return stack.enter_context(browsing(app, base_url, client))

        yield make


@pytest.fixture
def http(browse: Browse) -> Browser:
    """A client of this machine, without a token."""
    return browse()


@pytest.fixture
def closed(environ: dict[str, str], browse: Browse) -> Browser:
    """A client of another machine, where a token is needed."""
    found = settings.load({**environ, "ORCHESTRATION_API_TOKEN": TOKEN})
    return browse(settings=found, client=ELSEWHERE, base_url="http://console.example.com")


@pytest.fixture
def stock(console: Console) -> Stock:
    """The store of the console, with something of everything."""
    return Stock(console.opened.store)


@pytest.fixture
def pages(browse: Browse, stock: Stock) -> Browser:
    """A person of this machine in front of a store with something of everything."""
    del stock
    return browse(app=stocked)


@pytest.fixture(scope="module")
def served_console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """The console of a server with workers behind it."""
    home: Path = tmp_path_factory.mktemp("served")
    found = settings.load({"ORCHESTRATION_HOME": str(home)})
    with serving(sample, found) as host:
        console = console_of(host, sample, found)
        yield Console(**fields(console) | {"limits": Limits(rate=1e4, burst=1e4)})


@pytest.fixture(scope="module")
def place(served_console: Console) -> Iterator[str]:
    """The address of a server with workers behind it."""
    with served(served_console) as url:
        yield url


@pytest.fixture
def remote(place: str) -> Iterator[Client]:
    """A client of that server."""
    with Client(place) as client:
        yield client


@pytest.fixture
def cli(place: str, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs `orchestrate` with a server configured."""
    monkeypatch.setenv("ORCHESTRATION_URL", place)
    monkeypatch.setenv("ORCHESTRATION_HOME", "/nowhere")

    def run(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(root, words, prog_name="orchestrate")
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def clock() -> FakeClock:
    """A clock that goes on only where somebody would wait."""
    return FakeClock()


@pytest.fixture
def quick(clock: FakeClock) -> Quick:
    """Makes patience that waits by that clock."""
    return partial(Patience, monotonic=clock.monotonic, sleep=clock.sleep)


@pytest.fixture
def engine(served_console: Console) -> Engine:
    """The engine of the server."""
    return served_console.engine


@pytest.fixture
def values(cli: Cli) -> Values:
    """Runs `orchestrate` with `-o json`, and reads its standard output."""
    return lambda *words, code=0: json.loads(cli(*words, "-o", "json", code=code).stdout)


@pytest.fixture
def here(cli: Cli, served_console: Console, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs `orchestrate` with the store of the server itself."""

    def run(*words: str, code: int = 0) -> Result:
        with monkeypatch.context() as patch:
            patch.delenv("ORCHESTRATION_URL")
            patch.setenv("DATABASE_URL", served_console.settings.store_url)
            patch.setenv("ORCHESTRATION_APP", "tests.cli.sample")
            return cli(*words, code=code)

    return run


def fields(console: Console) -> dict[str, Any]:
    """The fields of a console."""
    return {name: getattr(console, name) for name in ("settings", "app", "opened", "engine")}

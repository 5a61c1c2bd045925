"""The HTTP part in this process, over a store of the test's own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestration import settings
from orchestration.web.application import create_app
from orchestration.web.console import Console, opened_console
from tests.cli.sample import app as sample
from tests.web.browsing import ELSEWHERE, HERE, Browser, browsing
from tests.web.stock import Stock
from tests.web.stock import app as stocked

TOKEN = "a-token-that-nobody-guesses"  # noqa: S105 - of the tests
Browse = Callable[..., Browser]


@pytest.fixture
def environ(quick_path: Path) -> dict[str, str]:
    """What the settings are read from."""
    return {"ORCHESTRATION_HOME": str(quick_path), "ORCHESTRATION_APP": "tests.cli.sample"}


@pytest.fixture
def console(environ: dict[str, str]) -> Iterator[Console]:
    with opened_console(sample, settings.load(environ)) as opened:
        yield opened


@pytest.fixture
def browse(console: Console) -> Iterator[Browse]:
    """Makes clients of the application: of this machine, without a token, where nothing is said."""
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

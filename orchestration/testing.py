"""A pytest plugin: the fixture `fleet` runs an app in memory, under a virtual clock.

Name the app once, as `app = "mymodule"` under `[tool.orchestration]` in pyproject.toml, or by
`ORCHESTRATION_APP`; for the tests alone as pytest's option `orchestration_app`, or override the
fixture of that name.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the configuration name the app."""
    parser.addini(
        "orchestration_app", "the module whose `app` the fixture `fleet` runs", default=""
    )


@pytest.fixture
def orchestration_app(pytestconfig: pytest.Config) -> Any:
    """The app of the module that the configuration names."""
    name = str(pytestconfig.getini("orchestration_app"))
    project = pytestconfig.rootpath / "pyproject.toml"
    name = name or import_module("orchestration.settings").load(project=project).app
    return import_module("orchestration.hosting").load_app(name)


@pytest.fixture
def fleet(orchestration_app: Any) -> Iterator[Any]:
    """A fleet in memory: see `orchestration.testbed.Fleet`."""
    found = import_module("orchestration.testbed").Fleet(orchestration_app)
    yield found
    found.close()

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import Processes, Workplace, processes_in
from tests.acceptance.witness import Witness
from tests.rabbitmq import fresh_vhost


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Starts processes; none outlives the test."""
    with processes_in(tmp_path / "logs") as found:
        yield found


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    """The file that every process of the test writes into."""
    return Witness(tmp_path / "witness.txt")


@pytest.fixture(scope="module")
def vhost() -> Iterator[str]:
    """The address of a vhost of the module's own; each test in it has a store of its own."""
    with fresh_vhost() as url:
        yield url


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Callable[[Workplace], None]:
    """Lets the test itself use the settings of a workplace."""

    def entering(workplace: Workplace) -> None:
        for name, value in workplace.settings.items():
            monkeypatch.setenv(name, value)

    return entering


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.acceptance)

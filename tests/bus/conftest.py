from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bus.orchestra import Orchestra, environment, playing
from tests.rabbitmq import fresh_vhost


@pytest.fixture(scope="module")
def bus_vhost() -> Iterator[str]:
    """The address of a vhost that only this module has."""
    with fresh_vhost() as url:
        yield url


@pytest.fixture(scope="module")
def band(bus_vhost: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestra]:
    """An orchestrator that the tests of this module share."""
    home: Path = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as monkeypatch:
        environment(monkeypatch, bus_vhost, home)
        with playing(bus_vhost) as found:
            yield found


@pytest.fixture
def orchestra(band: Orchestra) -> Iterator[Orchestra]:
    """The same orchestrator, without the peers of an earlier test."""
    yield band
    band.dismiss()

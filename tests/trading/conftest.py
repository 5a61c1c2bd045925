import pytest

from trading.sources.embedded import EmbeddedSource


@pytest.fixture(scope="session")
def embedded() -> EmbeddedSource:
    return EmbeddedSource()

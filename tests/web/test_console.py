"""What the console sees of the process that it is a part of."""

from types import SimpleNamespace
from typing import Any, cast

from orchestration import settings
from orchestration.definitions import App
from orchestration.store.connect import Opened
from orchestration.web.console import console_of


def test_people_read_beside_the_worker_and_not_in_its_place() -> None:
    aside = object()
    store = cast("Any", SimpleNamespace(aside=aside))
    running = SimpleNamespace(
        store=store, opened=Opened(store, cast("Any", None), "x"), engine=None
    )
    host = cast("Any", SimpleNamespace(running=running))
    assert console_of(host, App(agents=[], workflows=[]), settings.load({})).opened.store is aside

"""Runs that earlier releases saved, in every status, finish under this one."""

import gzip
from pathlib import Path

import pytest

from orchestration import settings
from orchestration.engine import By, Engine
from orchestration.ports import Store
from orchestration.runtime.embedded import embedded
from orchestration.runtime.writing import NoRelay, rules_of
from orchestration.state import RunStatus
from orchestration.store import migrate, runs
from orchestration.store.connect import open_store, restore
from orchestration.store.revival import Replaced, open_runs
from tests.eventually import eventually
from tests.integration.test_relocation import app

SAVED = sorted((Path(__file__).parent / "replay").glob("*.backup.gz"))
BY = By("tests")


@pytest.mark.parametrize("saved", SAVED, ids=lambda path: path.name.removesuffix(".backup.gz"))
def test_what_an_earlier_release_saved_is_finished(saved: Path, tmp_path: Path) -> None:
    file = tmp_path / "saved"
    file.write_bytes(gzip.decompress(saved.read_bytes()))
    found = settings.load({"ORCHESTRATION_HOME": str(tmp_path / "home")})

    def revive(store: Store, place: str, replaced: Replaced) -> None:
        rules = rules_of(found, "tests", sends=False)
        Engine(store, NoRelay(), rules).revive("replayed", place, BY, replaced)

    restore(found.store_url, file, revive)
    store = open_store(found.store_url, create=False).store
    assert store.read(migrate.schema).version == migrate.known()[-1].version
    with embedded(app, found) as host:
        engine = host.running.engine
        for run_id in store.read(open_runs):
            engine.resume(run_id)
            if run_id.startswith("asks"):
                engine.approve(run_id, "a", engine.shown(run_id, "a"))
        eventually(lambda: not store.read(open_runs), within=30)
    everyone = store.read(lambda s: s.all("SELECT id FROM runs"))
    ended = [str(store.read(lambda s, r=r: runs.status(s, r))) for (r,) in everyone]  # type: ignore[misc]
    store.close()
    expected = {RunStatus.COMPLETED: 10, RunStatus.FAILED: 2, RunStatus.CANCELLED: 1}
    assert {status: ended.count(status) for status in set(ended)} == expected


def test_a_release_is_saved() -> None:
    assert SAVED

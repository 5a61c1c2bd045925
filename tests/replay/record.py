"""Saves runs in every status as this release writes them: `python -m tests.replay.record VERSION`.

Done once a release; `tests/test_replay.py` lets later releases finish the runs. `VERSION.tar.xz`
beside the store holds the packages of that release's wheel, without `actors` and `trading`:
`tests/acceptance/test_upgrade.py` has processes of that release beside those of the newest one.
"""

import gzip
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestration.clock import SystemClock
from orchestration.store import backup, control
from orchestration.store.sqlite import SqliteStore
from tests.clock import FakeClock
from tests.engine.fleet import Fleet
from tests.integration.test_relocation import app, fill

HERE = Path(__file__).parent


def record(version: str) -> None:
    """Write the store of this release."""
    clock, now = FakeClock(), SystemClock().now()
    clock.advance(now - clock.now() - timedelta(minutes=5))
    with TemporaryDirectory() as directory:
        path = Path(directory) / "store.db"
        store = SqliteStore(path)
        found = Fleet(store, clock, app)
        store.write(lambda s: control.ensure(s, "tests", "here"))
        fill(found)
        store.close()
        backup.save_sqlite(path, Path(directory) / "saved", clock.now())
        body = (Path(directory) / "saved").read_bytes()
    (HERE / f"{version}.backup.gz").write_bytes(gzip.compress(body, mtime=0))


if __name__ == "__main__":
    record(sys.argv[1])

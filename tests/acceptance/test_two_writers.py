"""Two processes on one SQLite file under load: nobody is locked out, and no update is lost."""

import sys
from pathlib import Path

from orchestration.store.connect import open_store
from tests.acceptance.processes import Processes, Workplace

PROCESSES, THREADS, EACH = 2, 4, 150
LONGEST_WAIT_S = 5.0
WRITER = """
import sys, threading, time
from orchestration.store.connect import open_store

url, threads, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = open_store(url).store
waits = []

def add(session):
    (before,) = session.one("SELECT swept_at FROM control")
    session.run("UPDATE control SET swept_at = ?", before + 1)

def work():
    for _ in range(each):
        began = time.monotonic()
        store.write(add)
        waits.append(time.monotonic() - began)
        store.read(lambda s: s.one("SELECT swept_at FROM control"))

all_threads = [threading.Thread(target=work) for _ in range(threads)]
for thread in all_threads:
    thread.start()
for thread in all_threads:
    thread.join()
store.close()
print(f"done {len(waits)} {max(waits):.6f}")
"""


def test_two_processes_write_one_file(processes: Processes, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    open_store(url).store.close()
    place = Workplace(tmp_path / "home")
    sizes = (str(THREADS), str(EACH))
    command = (sys.executable, "-c", WRITER, url, *sizes)
    writers = [processes.start(place, *command) for _ in range(PROCESSES)]
    assert [writer.wait(within=50) for writer in writers] == [0] * PROCESSES, writers[0].output
    words = [writer.output.split() for writer in writers]
    assert all(each[:2] == ["done", str(THREADS * EACH)] for each in words)
    assert max(float(each[2]) for each in words) < LONGEST_WAIT_S
    store = open_store(url).store
    total = store.read(lambda s: s.all("SELECT swept_at FROM control"))[0][0]
    store.close()
    assert total == PROCESSES * THREADS * EACH

"""A PostgreSQL cluster of the test's own, so that no sessions of other tests end with it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.acceptance.disk import small_disk
from tests.acceptance.node import free_port
from tests.acceptance.processes import dying_with_us
from tests.eventually import eventually

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
HOST = "127.0.0.1"
BOOT_S = 60.0
USER = "postgres"
MISSING = "no PostgreSQL programs on this machine: what needs a cluster of its own was left out"
LIMITS = {
    "shared_buffers": "16MB",
    "max_connections": "100",
    "max_wal_size": "128MB",
    "fsync": "off",
}


class Cluster:
    """A server with its own port and data below one directory; root runs it as `postgres`.

    Args:
        directory: The directory of its data, whose owner is changed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._data = directory / "data"
        self._log = directory / "log"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        words = ["-D", str(self._data), "-U", USER, "-A", "trust", "--no-sync", "--locale=C"]
        subprocess.run(
            as_nobody_special(directory, [program("initdb"), *words]),
            check=True, capture_output=True, timeout=BOOT_S,
        )  # fmt: skip

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@{HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and return once it answers."""
        settings = LIMITS | {"port": str(self.port), "listen_addresses": HOST}
        words = [f"-c{name}={value}" for name, value in settings.items()]
        command = [program("postgres"), "-D", str(self._data), *words, "-cunix_socket_directories="]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                as_nobody_special(self._data, dying_with_us(command)),
                stdout=log, stderr=log, cwd=self._data,
            )  # fmt: skip
        eventually(self.answers, within=BOOT_S, what=f"a PostgreSQL cluster on port {self.port}")

    def kill(self) -> None:
        """End it as a power cut would, and return once nothing of it is left."""
        if self._process is None:
            return
        children = psutil.Process(self._process.pid).children()
        self._process.kill()
        self._process.wait()
        self._process = None
        psutil.wait_procs(children, timeout=BOOT_S)

    def revive(self) -> None:
        """Start it again if it has ended by itself, and return once it answers."""
        if self._process is not None and self._process.poll() is not None:
            self.start()
        eventually(self.answers, within=BOOT_S, what="a PostgreSQL cluster that had no room")

    def answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        with suppress(psycopg.OperationalError):
            self.tell("SELECT 1")
            return True
        return False

    def tell(self, sql: str, database: str = USER) -> list[tuple[object, ...]]:
        """The rows that the server answers to a statement."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=3) as connection:
            found = connection.execute(sql.encode())
            return found.fetchall() if found.description else []


def program(name: str) -> str:
    found = shutil.which(name, path=":".join(map(str, PROGRAMS))) or shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return found


def as_nobody_special(place: Path, command: list[str]) -> list[str]:
    """The command, if we are root as a user who gets the place: the server refuses root."""
    if os.geteuid() != 0:
        return command
    user = pwd.getpwnam(USER)
    os.chown(place, user.pw_uid, user.pw_gid)
    identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *identity, *command]


@contextmanager
def cluster(megabytes: int | None = None) -> Iterator[Cluster]:
    """A started cluster, gone when the block has ended.

    Args:
        megabytes: The size of a disk of its own; None: it gets none.
    """
    program("initdb")
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="cluster-")
        directory = Path(stack.enter_context(made))
        if megabytes is not None:
            stack.enter_context(small_disk(directory, megabytes))
        found = Cluster(directory)
        found.start()
        try:
            yield found
        finally:
            found.kill()

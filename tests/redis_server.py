"""A Redis server of the test's own: RQ has no prefix that would keep tests apart."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotThereError

from tests.acceptance.node import free_port
from tests.acceptance.processes import dying_with_us
from tests.eventually import eventually

MISSING = "no redis-server on this machine: everything that needs it was left out"


@contextmanager
def redis_in(directory: Path) -> Iterator[str]:
    """The address of a started server, which has ended when the block has.

    Without the program the test is skipped loudly; if CI=true, it fails.
    """
    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    port = free_port()
    words = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(directory)]
    server = subprocess.Popen(dying_with_us([program, *words]), stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(port), within=20, what=f"Redis on port {port}")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait(10)


def answers(port: int) -> bool:
    with Redis(port=port) as redis:
        try:
            return bool(redis.ping())
        except NotThereError:
            return False

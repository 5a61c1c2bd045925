"""Worker processes and a vhost for a measurement; all are gone afterwards."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

ADDRESS = "amqp://guest:guest@127.0.0.1:5672/"
PROCESSES, THREADS = 2, 16
PATIENCE_S = 60.0


def control(*words: str) -> str:
    """Run a command of the server, and return its answer."""
    done = subprocess.run(  # noqa: S603
        ["rabbitmqctl", "-q", *words],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    return done.stdout.strip()


def rabbitmq_version() -> str | None:
    """The version of the server here; None: there is none."""
    if shutil.which("rabbitmqctl") is None:
        return None
    try:
        found = re.search(r"\d+\.\d+\.\d+", control("version"))
    except subprocess.SubprocessError:
        return None
    return found.group() if found else None


@contextmanager
def vhost() -> Iterator[str]:
    """The address of a new vhost."""
    name = f"bench-{secrets.token_hex(6)}"
    control("add_vhost", name)
    try:
        control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        yield ADDRESS + name
    finally:
        control("delete_vhost", name)


@contextmanager
def workers(module: str, settings: Mapping[str, str], processes: int = PROCESSES) -> Iterator[int]:
    """Run `dramatiq` with so many processes of 16 threads; yields its process id."""
    environment = dict(os.environ) | dict(settings)  # noqa: TID251 - for the processes to start
    command = [sys.executable, "-m", "dramatiq", module]
    sizes = ["-p", str(processes), "-t", str(THREADS)]
    with subprocess.Popen(  # noqa: S603
        command + sizes, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    ) as master:
        try:
            yield master.pid
        finally:
            master.terminate()
            try:
                master.wait(PATIENCE_S / 2)
            except subprocess.TimeoutExpired:
                os.killpg(master.pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], poll_s: float = 0.005) -> None:
    """Return once a condition holds.

    Raises:
        TimeoutError: It does not hold in time.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the work was not done in time")
        time.sleep(poll_s)

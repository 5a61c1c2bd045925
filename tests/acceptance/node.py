"""A RabbitMQ node of the test's own, so that no connections of other tests end with it."""

import secrets
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.acceptance.processes import Process, Workplace
from tests.eventually import eventually
from tests.rabbitmq import need_rabbitmq

PROGRAMS = "/usr/lib/rabbitmq/bin"
HOST = "127.0.0.1"
BOOT_S = 60.0
PORTS = range(15_000, 32_000)
CONSUMER_TIMEOUT = "consumer_timeout = 60000\n"  # a line of its configuration


def free_port() -> int:
    """A port without a listener, below those that outgoing connections get."""
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            return port


class Node:
    """A node with its own name, ports, data and logs below one directory.

    Args:
        directory: The directory to make.
        more: Further lines of its configuration.
        plugins: The names of the plugins to enable.
    """

    def __init__(self, directory: Path, more: str = "", plugins: Sequence[str] = ()) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._logs = directory / "log"
        self.port = free_port()
        (directory / "enabled_plugins").write_text(f"[{','.join(plugins)}].\n")
        (directory / "rabbitmq.conf").write_text(f"listeners.tcp.1 = {HOST}:{self.port}\n{more}")
        program = shutil.which("rabbitmq-server", path=PROGRAMS)
        self._program = program or shutil.which("rabbitmq-server") or "rabbitmq-server"
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{HOST}:{self.port}/%2F"

    @property
    def log(self) -> str:
        """The node's log so far."""
        return "".join(each.read_text("utf-8") for each in self._logs.glob("*.log"))

    def control(self, *words: str) -> str:
        """Run a `rabbitmqctl` command on the node, with its own cookie; return the output."""
        program = shutil.which("rabbitmqctl", path=PROGRAMS) or "rabbitmqctl"
        place = Workplace(self._directory, more=self._environment(), measured=False)
        return subprocess.run(
            [program, "-q", *words],
            check=True, capture_output=True, timeout=60, text=True, env=place.environment,
        ).stdout  # fmt: skip

    def write_tool(self, path: Path) -> None:
        """Write a `rabbitmqctl` that always controls this node."""
        program = shutil.which("rabbitmqctl", path=PROGRAMS) or shutil.which("rabbitmqctl")
        words = [f"{name}={value}" for name, value in self._environment().items()]
        path.write_text(f'#!/bin/sh\nexec env {shlex.join(words)} {program} "$@"\n')
        path.chmod(0o700)

    def run_script(self, lines: str) -> None:
        """Run shell lines whose `rabbitmqctl` controls this node."""
        place = Workplace(self._directory, more=self._environment(), measured=False)
        path = f"{PROGRAMS}:{place.environment['PATH']}"
        environment = place.environment | {"PATH": path}
        subprocess.run(["sh", "-euc", lines], check=True, timeout=120, env=environment)

    def start(self) -> None:
        """Start the node, and return at once."""
        workplace = Workplace(self._directory, more=self._environment(), measured=False)
        self._process = Process([self._program], workplace, self._directory / "out.log")

    def wait(self) -> None:
        """Return once the node greets a connection."""
        eventually(self._greets, within=BOOT_S, what=f"a RabbitMQ node on port {self.port}")

    def kill(self) -> None:
        """Kill the node, as a power cut would."""
        if self._process is not None:
            self._process.tell(signal.SIGKILL)
            self._process.wait(within=10)
            self._process.end()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the node's process until the block has ended."""
        assert self._process is not None
        self._process.tell_group(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.tell_group(signal.SIGCONT)

    def _greets(self) -> bool:
        assert self._process is not None
        assert self._process.ended is None, self._process.output
        with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1) as line:
            line.settimeout(1)
            line.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(line.recv(8))
        return False

    def _environment(self) -> dict[str, str]:
        at = self._directory
        return {
            "HOME": str(at),
            "RABBITMQ_ALLOW_INPUT": "1",  # no shell stays between us and the node
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(at / "data"),
            "RABBITMQ_LOG_BASE": str(self._logs),
            "RABBITMQ_PID_FILE": str(at / "pid"),
            "RABBITMQ_CONFIG_FILE": str(at / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(at / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(at / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput",
        }


@contextmanager
def node_in(directory: Path, more: str = "", plugins: Sequence[str] = ()) -> Iterator[Node]:
    """A started node, gone when the block has ended."""
    need_rabbitmq()
    node = Node(directory, more, plugins)
    node.start()
    try:
        yield node
    finally:
        node.kill()

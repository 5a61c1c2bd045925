"""What a whole fleet costs while it has no work: web, worker and scheduler on RabbitMQ.

Then it is flooded, since the limit of a broker on unacknowledged messages matters under load.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pika
import psutil

from benchmarks.bus import Goal
from benchmarks.listening import beat, line_to, order
from benchmarks.servers import PATIENCE_S, PROCESSES, control, vhost, wait_until
from orchestration.store import workers as table
from orchestration.store.connect import open_store

ROOT = Path(__file__).parent.parent
SETTLED_S = 15.0
LOOK_EVERY_S = 10.0
FLOODED_S = 20.0
BEATS, COMMANDS_EACH = 1_000, 100
TRACE, COUNTED = "amq.rabbitmq.trace", "publish.#"
HOUR_S = 3_600.0
COMMANDS = (
    ("-m", "orchestration", "web"),
    ("-m", "dramatiq", "actors", "-p", str(PROCESSES), "-t", "16"),
    ("scheduler.py",),
)
GOALS = {
    "connections": Goal("AMQP connections", at_most=12),
    "messages_an_hour": Goal("messages published in an hour", at_most=5_000),
    "core_percent": Goal("percent of a core, all processes", at_most=2),
    "most_unacked": Goal("unacknowledged messages at rest", at_most=1_000),
    "most_unacked_flooded": Goal("unacknowledged messages in a flood", at_most=1_000),
}


@dataclass(frozen=True, slots=True)
class Idle:
    """The figures of one measurement."""

    connections: float
    messages_an_hour: float
    core_percent: float
    most_unacked: float
    most_unacked_flooded: float
    memory_mib: float


def run_idle(rest_s: float) -> Idle:
    """Start the fleet of the Procfile, let it settle, and watch it rest."""
    with tempfile.TemporaryDirectory() as home, vhost() as url, fleet(home, url) as members:
        time.sleep(SETTLED_S)
        with counting(url) as channel:
            began, busy_before = time.monotonic(), busy(members)
            before, most = published(channel), 0
            while (left := began + rest_s - time.monotonic()) > 0:
                most = max(most, unacked(url))
                time.sleep(min(LOOK_EVERY_S, max(left, 0.1)))
            span_s, busy_s = time.monotonic() - began, busy(members) - busy_before
            sent = published(channel) - before
        memory = sum(each.memory_info().rss for each in members) / 2**20
        ours = connections(url)
        flooded = most_in_a_flood(url)
        return Idle(ours, sent / span_s * HOUR_S, 100 * busy_s / span_s, most, flooded, memory)


def most_in_a_flood(url: str) -> int:
    """The most unacknowledged messages seen while more arrive than the fleet can take."""
    ending, most = threading.Event(), 0
    flooding = threading.Thread(target=flood, args=(url, ending))
    flooding.start()
    began = time.monotonic()
    while time.monotonic() - began < FLOODED_S:
        most = max(most, unacked(url))
    ending.set()
    flooding.join()
    return most


def flood(url: str, ending: threading.Event) -> None:
    """Send as many heartbeats and commands as the orchestrator's queue has room for."""
    number = 0
    with line_to(url) as line:
        while not ending.is_set():
            beats = [beat(each, number + each) for each in range(BEATS)]
            orders = [order("health_check", number + each) for each in range(COMMANDS_EACH)]
            line.say(beats, "heartbeat.orchestration")
            line.say(orders, "command.orchestration")
            line.hear(0)
            number += BEATS


@contextmanager
def fleet(home: str, url: str) -> Iterator[list[psutil.Process]]:
    """The processes of a fleet, once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    more = {"ORCHESTRATION_HOME": home, "RABBITMQ_URL": url, "PORT": port, "LOG_LEVEL": "WARNING"}
    more |= {"ORCHESTRATION_HOST": "127.0.0.1"}
    with ExitStack() as undo:
        started = [undo.enter_context(running(words, more)) for words in COMMANDS]
        store = undo.enter_context(
            closing(open_store(f"sqlite:///{Path(home) / 'orchestration.db'}").store)
        )
        wait_until(lambda: len(store.read(table.present)) == PROCESSES)
        found = [psutil.Process(each.pid) for each in started]
        yield [member for each in found for member in (each, *each.children(recursive=True))]


@contextmanager
def running(words: tuple[str, ...], more: Mapping[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """A process of one command, which has ended when the block has."""
    environment = dict(os.environ) | dict(more)  # noqa: TID251 - for the process to start
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S / 2)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def counting(url: str) -> Iterator["pika.adapters.blocking_connection.BlockingChannel"]:
    """A channel with a queue that gets a copy of all that is published in a vhost."""
    name = url.rpartition("/")[2]
    control("trace_on", "-p", name)
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.queue_declare("counted", exclusive=True)
    channel.queue_bind("counted", TRACE, COUNTED)
    try:
        yield channel
    finally:
        connection.close()
        control("trace_off", "-p", name)


def published(channel: "pika.adapters.blocking_connection.BlockingChannel") -> int:
    """How many messages were published since the queue was made."""
    return int(channel.queue_declare("counted", passive=True).method.message_count)


def unacked(url: str) -> int:
    """How many messages consumers hold unacknowledged."""
    rows = control("list_queues", "-p", url.rpartition("/")[2], "messages_unacknowledged")
    return sum(int(row) for row in rows.split() if row.isdigit())


def connections(url: str) -> int:
    """How many connections to a vhost there are."""
    name = url.rpartition("/")[2]
    return control("list_connections", "vhost").split().count(name)


def busy(members: list[psutil.Process]) -> float:
    """Seconds of processor time that these processes have used."""
    return sum(sum(each.cpu_times()[:2]) for each in members)


def lines(found: Idle) -> Iterator[str]:
    """Each figure beside its target."""
    for name, goal in GOALS.items():
        yield goal.line(getattr(found, name)).replace("the bus:", "idle:")
    yield f"       idle: MiB of memory, all processes: {found.memory_mib:.0f}"

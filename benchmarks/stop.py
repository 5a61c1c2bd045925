"""An emergency stop among many messages: how soon outside agents acknowledge it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pika

from benchmarks import outsiders
from benchmarks.bus import Fleet, Goal, fleet
from benchmarks.figures import percentile
from benchmarks.listening import EXCHANGE, QUEUE, envelope
from benchmarks.outsiders import OUTSIDERS, READY
from benchmarks.servers import wait_until
from orchestration.clock import SystemClock
from orchestration.messages import STOP_KEY
from orchestration.store import stops

WAITING = 10_000
ARRIVING_PER_S = 2_000
TURN_S = 0.01
GOAL = Goal("100 agents acknowledge an emergency stop, p99 s", at_most=2)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The figures of one round: messages waiting at the stop, and seconds from then on."""

    waited: int
    arrived_per_s: float
    p50_s: float
    p99_s: float


def lines(rounds: list[Stopped]) -> list[str]:
    """The figures for people."""
    told = [
        f"       a stop behind {each.waited} messages, {each.arrived_per_s:.0f}/s arriving:"
        f" p50 {each.p50_s:.2f} s, p99 {each.p99_s:.2f} s"
        for each in rounds
    ]
    return [*told, GOAL.line(max(each.p99_s for each in rounds))]


def run_stop() -> Stopped:
    """One round: fill the queue, go on filling, stop."""
    more = {"OUTSIDE_AGENTS": ",".join(OUTSIDERS)}
    with fleet("5", outsiders.__name__, more) as running, listening(running):
        connection = pika.BlockingConnection(pika.URLParameters(running.url))
        noise = Noise(running.url)
        try:
            with frozen(running):
                fill(connection)
                noise.start()
                wait_until(lambda: noise.count >= ARRIVING_PER_S)
                waited = waiting(connection)
            sent_at = order_stop(connection)
            wait_until(lambda: len(answers(running)) == len(OUTSIDERS))
        finally:
            noise.stop()
            connection.close()
        late = [at - sent_at for at in answers(running)]
        return Stopped(waited, noise.per_s, percentile(late, 50), percentile(late, 99))


@contextmanager
def listening(running: Fleet) -> Iterator[None]:
    """Run the agents in a process of their own."""
    environment = {**os.environ, "RABBITMQ_URL": running.url, "LOG_LEVEL": "WARNING"}  # noqa: TID251
    command = [sys.executable, "-m", outsiders.__name__]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            if process.stdout is None or process.stdout.readline().strip() != READY:
                raise RuntimeError("the agents do not listen")
            yield
        finally:
            process.terminate()


@contextmanager
def frozen(running: Fleet) -> Iterator[None]:
    """Stop the worker processes until the block ends, so that no message is consumed."""
    every = [running.master, *running.master.children(recursive=True)]
    for process in every:
        process.suspend()
    try:
        yield
    finally:
        for process in every:
            process.resume()


def fill(connection: pika.BlockingConnection) -> None:
    """Fill the queue with a fixed number of messages."""
    channel = connection.channel()
    for number in range(WAITING):
        channel.basic_publish(EXCHANGE, "data.orchestration", noise_of("before", number))


def waiting(connection: pika.BlockingConnection) -> int:
    """How many messages wait."""
    return int(connection.channel().queue_declare(QUEUE, passive=True).method.message_count)


def order_stop(connection: pika.BlockingConnection) -> float:
    """Order the stop, and return when that was."""
    payload = {"command_type": "emergency_stop", "parameters": {"reason": "measured"}}
    at = SystemClock().now().timestamp()
    connection.channel().basic_publish(EXCHANGE, STOP_KEY, envelope("command", "bench", 0, payload))
    return at


def answers(running: Fleet) -> list[float]:
    """When each agent's acknowledgement was written."""
    found = running.store.read(lambda s: stops.answers(s, stops.epoch(s)))
    return [
        each.answered_at.timestamp() for each in found if each.kind == "agent" and each.answered_at
    ]


def noise_of(sender: str, number: int) -> bytes:
    """A message that the orchestrator has to store."""
    return envelope("data", sender, number, {"data_type": "noise", "data": {"n": number}})


class Noise:
    """Data that arrive at a steady pace."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._make, daemon=True)
        self.count = 0
        self.per_s = 0.0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(30)

    def _make(self) -> None:
        with pika.BlockingConnection(pika.URLParameters(self._url)) as connection:
            channel, began = connection.channel(), time.perf_counter()
            while not self._stopping.is_set():
                due = int((time.perf_counter() - began) * ARRIVING_PER_S)
                for each in range(self.count, due):
                    channel.basic_publish(EXCHANGE, "data.orchestration", noise_of("now", each))
                self.count = max(self.count, due)
                connection.process_data_events(time_limit=TURN_S)
            self.per_s = self.count / (time.perf_counter() - began)

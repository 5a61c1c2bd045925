"""An agent in plain Python, with nothing but pika.

It takes over the first step of `validate_algorithms`: it looks at the packaged prices and says
which days will be traded. Let the fleet know that this agent is outside, and start it:

    OUTSIDE_AGENTS=data_validation_agent dramatiq actors &
    python examples/agents/python/agent.py
"""

import csv
import gzip
import hashlib
import io
import json
import logging
import os
import time
import uuid
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

ENVIRON = os.environ  # noqa: TID251 - a program of its own has no settings of ours
URL = ENVIRON.get("RABBITMQ_URL", "amqp://guest:guest@localhost:5672/%2F")
BEAT_EVERY_S = float(ENVIRON.get("HEARTBEAT_INTERVAL", "15"))
PACKAGED = Path(__file__).parents[3] / "trading" / "data" / "stocks.csv.gz"
PRICES = Path(ENVIRON.get("PRICES", PACKAGED))
NAME, ORCHESTRATOR = "data_validation_agent", "orchestration_agent"
EXCHANGE, QUEUE = "amc_trader_exchange", f"agent.{NAME}"
IN_SAMPLE_PERIODS, WARM_UP_BARS = 4, 80

log = logging.getLogger(NAME)
Payload = dict[str, Any]
Bar = dict[str, str]


# What it can do


def prepare_validation_data(parameters: Payload) -> Payload:
    """Check the prices, and find the days to trade: the result that later steps build on."""
    packed = PRICES.read_bytes()
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))
    bars = [row for row in rows if row["Ticker"] in parameters["symbols"]]
    require_all(parameters["symbols"], {bar["Ticker"] for bar in bars})
    for bar in bars:
        check(bar)
    days = sorted({bar["Date"] for bar in bars})
    start = begin_of(parameters["validation_period"], date.fromisoformat(days[-1])).isoformat()
    traded = sum(day > start for day in days)
    first = max(len(days) - traded - IN_SAMPLE_PERIODS * traded - WARM_UP_BARS, 0)
    days = days[first:]
    validation = (len(days) - traded, len(days) - 1)
    in_sample, out_of_sample, divided = divide(*validation)
    windows = {
        "validation": validation,
        "in_sample": in_sample,
        "out_of_sample": out_of_sample,
    }
    return {
        "data": {
            "source": "embedded",
            "sha256": hashlib.sha256(packed).hexdigest(),
            "symbols": list(parameters["symbols"]),
            "first_bar": days[0],
            "last_bar": days[-1],
            "bars": sum(bar["Date"] >= days[0] for bar in bars),
            "adjustment": "open, high, low and close scaled by Adj Close / Close; volume as traded",
            "findings": [],
        },
        "windows": {name: {"first": days[a], "last": days[b]} for name, (a, b) in windows.items()},
        "divided": divided,
    }


def require_all(symbols: list[str], found: set[str]) -> None:
    """Refuse symbols without prices: nothing can be said of them."""
    if missing := sorted(set(symbols) - found):
        cure = "ask for other symbols, or set PRICES to a file that has these"
        raise ValueError(f"no prices of {', '.join(missing)}: {cure}")


def check(bar: Bar) -> None:
    """Refuse a bar that would make every later figure wrong."""
    low, high, volume = (float(bar[name]) for name in ("Low", "High", "Volume"))
    if not 0 < low <= high or volume < 0:
        raise ValueError(f"{bar['Ticker']} {bar['Date']}: the bar is not usable")


def begin_of(period: str, last: date) -> date:
    """The day after which a period such as 6M, 1Y, 4W or 90D begins that ends with a day."""
    count, unit = int(period[:-1]), period[-1]
    if unit in "DW":
        return last - timedelta(days=count * (7 if unit == "W" else 1))
    months = last.year * 12 + last.month - 1 - count * (12 if unit == "Y" else 1)
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(last.day, monthrange(year, month)[1]))


def divide(first: int, last: int) -> tuple[tuple[int, int], tuple[int, int], str | None]:
    """Days to learn on and later ones to judge by; why, where the period had to be divided."""
    length = last - first + 1
    earliest = max(first - IN_SAMPLE_PERIODS * length, WARM_UP_BARS)
    if first - earliest >= length:
        return (earliest, first - 1), (first, last), None
    cut = first + 2 * length // 3
    return (first, cut - 1), (cut, last), "the period's first two thirds were learned on"


def health_check(_parameters: Payload) -> Payload:
    return {"agent": NAME, "status": "healthy", "facts": {"prices": PRICES.exists()}}


def stop_nothing(_parameters: Payload) -> Payload:
    """Each command is done before the next one is read: there is nothing to stop."""
    return {"acknowledged": True, "cancelled": []}


COMMANDS = {
    "prepare_validation_data": prepare_validation_data,
    "health_check": health_check,
    "cancel": stop_nothing,
    "emergency_stop": stop_nothing,
}


# How it speaks


def say(channel: BlockingChannel, kind: str, payload: Payload, about: str | None = None) -> None:
    """Send one envelope to the orchestrator; it is on disk when this returns."""
    envelope = {
        "id": str(uuid.uuid4()),  # noqa: TID251 - a program of its own
        "message_type": kind,
        "sender": NAME,
        "recipient": ORCHESTRATOR,
        "payload": payload,
        "timestamp": datetime.now(UTC).isoformat(),  # noqa: TID251 - a program of its own
        "correlation_id": about,
        "priority": 2,
    }
    channel.basic_publish(
        EXCHANGE,
        f"{kind}.orchestration",
        json.dumps(envelope).encode(),
        pika.BasicProperties(delivery_mode=2, content_type="application/json"),
    )


def beat(connection: pika.BlockingConnection, channel: BlockingChannel) -> None:
    """Say that this agent lives, now and again and again."""
    say(channel, "heartbeat", {"status": "running", "capabilities": sorted(COMMANDS)})
    connection.call_later(BEAT_EVERY_S, lambda: beat(connection, channel))


def do(payload: Payload) -> Payload:
    """Do what a command says, and return the result."""
    name = payload.get("command")
    if name not in COMMANDS:
        raise ValueError(f"unknown command {name}")
    return COMMANDS[name](payload["parameters"])


def answer(channel: BlockingChannel, command: Payload) -> None:
    """Do what a command says, and answer with its id."""
    payload = command["payload"]
    try:
        outcome = {"status": "completed", "result": do(payload)}
    except Exception as error:  # noqa: BLE001 - unanswered, the command would come back for ever
        outcome = {"status": "failed", "error": f"{type(error).__name__}: {error}"}
    say(channel, "response", {"command": payload.get("command"), **outcome}, about=command["id"])


def receive(
    channel: BlockingChannel,
    method: pika.spec.Basic.Deliver,
    _properties: pika.BasicProperties,
    body: bytes,
) -> None:
    """Answer, then acknowledge: should it die in between, reading prices twice does no harm."""
    try:
        command = json.loads(body)
        log.info("%s %s", command["payload"].get("command"), command["id"])
    except Exception as error:  # noqa: BLE001 - unacknowledged, it would come back for ever
        log.warning("dropped what is no command: %s: %s", type(error).__name__, error)
    else:
        answer(channel, command)
    channel.basic_ack(method.delivery_tag)


def serve() -> None:
    """Connect, and work until the connection is lost."""
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.queue_declare(QUEUE, durable=True)
        channel.queue_bind(QUEUE, EXCHANGE, f"command.{NAME}")
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(QUEUE, receive)
        beat(connection, channel)
        channel.start_consuming()


def main() -> None:
    """Work for ever, and connect again whenever the connection is lost."""
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    while True:
        try:
            serve()
        except (AMQPError, OSError) as error:
            log.warning("no connection, trying again: %s", error)
            time.sleep(2)


if __name__ == "__main__":
    main()

"""A program by the setup guide alone: json and pika, and no module of ours. Run it with an address.

It sends a command twice, beats, and answers one command without any correlation, as the guide's
`MyAgent` does; every message that it hears is a line of its output.
"""

import json
import sys
from typing import Any

import pika

EXCHANGE = "amc_trader_exchange"
NAME = "MyAgent"


def say(channel: Any, kind: str, payload: dict[str, Any], **fields: Any) -> None:
    envelope = {
        "id": f"{NAME}-{kind}",
        "message_type": kind,
        "sender": NAME,
        "recipient": "orchestration_agent",
        "payload": payload,
        "timestamp": "2025-09-12T12:00:00Z",
        "priority": 3,
        **fields,
    }
    channel.basic_publish(EXCHANGE, f"{kind}.orchestration", json.dumps(envelope))


def main(url: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.exchange_declare(exchange=EXCHANGE, exchange_type="topic", durable=True)
    queue = channel.queue_declare(queue="", exclusive=True).method.queue
    for kind in ("command", "data", "status", "response", "error"):
        channel.queue_bind(queue=queue, exchange=EXCHANGE, routing_key=f"{kind}.{NAME}")
    metrics = {"cpu_usage": 0.15, "memory_usage": 0.25, "messages_processed": 42}
    say(channel, "heartbeat", {"status": "running", "metrics": metrics})
    for _ in range(2):
        say(channel, "command", {"command_type": "ask_MyAgent", "parameters": {}})
    failing = {"command_type": "ask_own_agent", "parameters": {}}
    say(channel, "command", failing, id="to-be-failed")
    for _, _, body in channel.consume(queue, auto_ack=True):
        sys.stdout.write(body.decode() + "\n")
        sys.stdout.flush()
        message = json.loads(body)
        payload = message["payload"]
        if message["message_type"] == "command" and payload["command"] == "work":
            done = {"command": "work", "status": "completed", "result": "by MyAgent"}
            say(channel, "response", done, id=f"answer-{message['id']}")
        elif message["correlation_id"] == "to-be-failed" and "command_received" in payload:
            trouble = {"error_type": "DiskFull", "error_message": "no space", "critical": True}
            say(channel, "error", {**trouble, "workflow_id": payload["workflow_id"]})


if __name__ == "__main__":
    main(sys.argv[1])

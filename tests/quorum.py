"""`python -m tests.quorum`: every test that uses RabbitMQ, with quorum queues.

They use a node of their own, which ends each channel that holds a message for a minute. Further
words go to pytest; a further `-m` replaces the default one.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.acceptance.node import CONSUMER_TIMEOUT, Node, node_in

ROOT = Path(__file__).parent.parent
CHOSEN = ["-m", "rabbitmq and not acceptance"]
KINDS = ("quorum", "classic")
DELIVERED = (
    "maps:get(messages_delivered_total, maps:get("
    "[{protocol, amqp091}, {queue_type, rabbit_%s_queue}], rabbit_global_counters:overview()))."
)
TOO_LONG = "has timed out waiting"


def main(words: list[str]) -> int:
    """Run the tests, and print what the node has seen of them; return pytest's exit code."""
    with TemporaryDirectory() as directory:
        place = Path(directory)
        with node_in(place / "node", CONSUMER_TIMEOUT) as node:
            node.wait()
            (place / "bin").mkdir()
            node.write_tool(place / "bin" / "rabbitmqctl")
            environment = os.environ | {
                "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
                "RABBITMQ_PORT": str(node.port),
                "RABBITMQ_QUEUE_TYPE": "quorum",
            }
            command = [sys.executable, "-m", "pytest", *CHOSEN, *words]
            code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
            sys.stdout.write(f"{seen_by(node)}\n")
            return code


def seen_by(node: Node) -> str:
    """How many messages each queue delivered, and how many channels held one for too long."""
    quorum, classic = (node.control("eval", DELIVERED % kind).strip() for kind in KINDS)
    return (
        f"messages from quorum queues: {quorum}, from classic ones: {classic},"
        f" channels ended for holding one: {node.log.count(TOO_LONG)}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

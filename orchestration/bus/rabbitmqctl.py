"""`rabbitmqctl`: queries and configures this machine's server, if that is the one we use."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from orchestration.bus import policy
from orchestration.bus.policy import Policy
from orchestration.bus.topology import QUEUE
from orchestration.errors import BrokerError
from orchestration.messages import EXCHANGE

PATIENCE_S = 20.0


class Rabbitmqctl:
    """The tool, for one vhost.

    Args:
        program: The path of the tool.
        vhost: The vhost that is asked about.
    """

    name = "rabbitmqctl"

    def __init__(self, program: str, vhost: str) -> None:
        self._program = program
        self._vhost = vhost

    def sees(self, connection: str) -> bool:
        """Whether its server has a client connection of this name: then it is the one we use.

        The tool finds its node by other means than an address.
        """
        try:
            rows = self._rows("list_connections", "client_properties")
        except BrokerError:
            return False
        return any(connection in json.dumps(row) for row in rows)

    def policies(self) -> list[Policy]:
        """The vhost's policies.

        Raises:
            BrokerError: It may not ask, or got no answer.
        """
        return [policy.read(row) for row in self._rows("list_policies", "-p", self._vhost)]

    def set_policy(self, wanted: Policy) -> None:
        """Set a policy of the vhost.

        Raises:
            BrokerError: The server refused it, or did not answer.
        """
        self._run(*wanted.words(self._vhost))

    def bindings(self) -> set[str]:
        """The keys by which the exchange's messages reach the orchestrator's queue.

        Raises:
            BrokerError: It may not ask, or got no answer.
        """
        columns = ("source_name", "destination_name", "routing_key")
        rows = self._rows("list_bindings", "-p", self._vhost, *columns)
        ways = ((row["source_name"], row["destination_name"], row["routing_key"]) for row in rows)
        return {key for source, queue, key in ways if (source, queue) == (EXCHANGE, QUEUE)}

    def _rows(self, *words: str) -> list[dict[str, Any]]:
        try:
            found = json.loads(self._run("--formatter", "json", *words))
        except ValueError:
            raise BrokerError("rabbitmqctl: its answer cannot be read") from None
        return [row for row in found if isinstance(row, dict)]

    def _run(self, *words: str) -> str:
        command: Sequence[str] = (self._program, "-q", *words)
        try:
            done = subprocess.run(  # noqa: S603 - the words are ours, and no shell reads them
                command, check=True, capture_output=True, text=True, timeout=PATIENCE_S
            )
        except subprocess.CalledProcessError as error:
            said = " ".join(f"{error.stderr} {error.stdout}".split())
            raise BrokerError(f"rabbitmqctl: {said[:200]}") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BrokerError(f"rabbitmqctl: {type(error).__name__}") from None
        return done.stdout


def rabbitmqctl_for(vhost: str, connection: str) -> Rabbitmqctl | None:
    """The tool, where it is installed, may be used, and speaks with the server that we use.

    Args:
        vhost: The vhost that is asked about.
        connection: The name of a client connection that is open now.
    """
    program = shutil.which("rabbitmqctl")
    tool = None if program is None else Rabbitmqctl(program, vhost)
    return tool if tool is not None and tool.sees(connection) else None

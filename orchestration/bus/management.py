"""RabbitMQ's management API: reads and sets what an ordinary connection cannot."""

import json
import ssl
from base64 import b64encode
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

from orchestration.bus import policy
from orchestration.bus.address import Address, reason_of
from orchestration.bus.policy import Policy
from orchestration.bus.topology import QUEUE
from orchestration.errors import BrokerError
from orchestration.messages import EXCHANGE

PATIENCE_S = 3.0
PORTS = {"http": 15672, "https": 15671}
REDIRECTED = 300


class Management:
    """The API, for one vhost, with the login of the AMQP address.

    Args:
        address: Where RabbitMQ is.
        url: Where its API is, `http://` or `https://`; None: at the usual port of the same host.
    """

    name = "the management API"

    def __init__(self, address: Address, url: str | None = None) -> None:
        self._wanted = address.parameters(self.name)
        usual = "https" if address.encrypted else "http"
        parts = urlsplit(url or f"{usual}://{self._wanted.host}:{PORTS[usual]}")
        self._encrypted = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._vhost = quote(address.vhost, safe="")

    def date(self) -> datetime | None:
        """The server's time, rounded down to a second; None: it sends none.

        Raises:
            BrokerError: The API is off, or refuses the login.
        """
        said, _ = self._ask("GET", "whoami")
        return parsedate_to_datetime(said) if said else None

    def policies(self) -> list[Policy]:
        """The vhost's policies.

        Raises:
            BrokerError: We may not ask, or got no answer.
        """
        _, rows = self._ask("GET", f"policies/{self._vhost}")
        return [policy.read(row) for row in rows]

    def set_policy(self, wanted: Policy) -> None:
        """Set a policy of the vhost.

        Raises:
            BrokerError: The server refused it, or did not answer.
        """
        self._ask("PUT", f"policies/{self._vhost}/{quote(wanted.name, safe='')}", wanted.row())

    def bindings(self) -> set[str]:
        """The keys by which the exchange's messages reach the orchestrator's queue.

        Raises:
            BrokerError: We may not ask, or got no answer.
        """
        _, rows = self._ask("GET", f"bindings/{self._vhost}/e/{EXCHANGE}/q/{QUEUE}")
        return {row["routing_key"] for row in rows}

    def queues(self) -> dict[str, dict[str, Any]]:
        """For each queue of the vhost, its unacknowledged messages, and its rates per second.

        Raises:
            BrokerError: We may not ask, or got no answer.
        """
        _, rows = self._ask("GET", f"queues/{self._vhost}")
        return {row["name"]: rates(row) for row in rows}

    def _ask(self, verb: str, path: str, body: Any = None) -> tuple[str | None, Any]:
        """The date and the answer to a request."""
        connection = self._connection()
        headers = {"Authorization": f"Basic {self._login()}", "Content-Type": "application/json"}
        try:
            connection.request(verb, f"/api/{path}", json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException) as error:
            raise BrokerError(f"{self.name}: {reason_of(error)}") from None
        finally:
            connection.close()
        if answer.status >= REDIRECTED:  # never show another server our password
            raise BrokerError(f"{self.name}: {answer.status} {answer.reason}")
        try:
            return answer.getheader("Date"), json.loads(content) if content else None
        except ValueError:
            raise BrokerError(f"{self.name}: that is another server's answer") from None

    def _connection(self) -> HTTPConnection:
        if not self._encrypted:
            return HTTPConnection(self._host, self._port, timeout=PATIENCE_S)
        tls = self._wanted.ssl_options
        context = ssl.create_default_context() if tls is None else tls.context
        return HTTPSConnection(self._host, self._port, timeout=PATIENCE_S, context=context)

    def _login(self) -> str:
        login = self._wanted.credentials
        return b64encode(f"{login.username}:{login.password}".encode()).decode()


def rates(row: dict[str, Any]) -> dict[str, Any]:
    """The figures of a queue that only the API has; a rate that was never measured is 0."""
    told = row.get("message_stats", {})
    return {
        "unacked": row.get("messages_unacknowledged", 0),
        "in_per_second": told.get("publish_details", {}).get("rate", 0.0),
        "out_per_second": told.get("deliver_get_details", {}).get("rate", 0.0),
    }

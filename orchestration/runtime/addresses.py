"""The addresses of ALERT_URLS: webhooks by HTTP, everything else by Apprise.

An address is a secret: only its scheme and, of a webhook, its host are ever named.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from orchestration.alert_urls import WEB
from orchestration.errors import ConfigurationError
from orchestration.store.alerts import AlertRow
from orchestration.text import adding

TRY_S = 5.0
ROUND_S = 10.0
CLIENT_ERRORS = range(400, 500)
LATER = (408, 425, 429)  # of these, the ones that may pass: they are no refusal of the alert


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an address has not taken an alert.

    Attributes:
        why: In a few words.
        is_refusal: Whether the address answered and refused this alert; it may take others.
    """

    why: str
    is_refusal: bool = False


class Target(Protocol):
    """One address."""

    name: str
    place: str

    async def send(self, content: Mapping[str, Any]) -> Problem | None:
        """Send one alert; return why that failed, or None."""
        ...


class Addresses:
    """Every address of ALERT_URLS.

    Args:
        urls: The addresses.
        mask: Takes configured secrets out of what is sent.

    Raises:
        ConfigurationError: One of them cannot be used here.
    """

    def __init__(self, urls: Sequence[str], mask: Callable[[bytes], bytes]) -> None:
        self._targets = [target_of(url, number) for number, url in enumerate(urls, 1)]
        self._mask = mask
        self.names = frozenset(target.name for target in self._targets)

    def tell(self, found: Sequence[AlertRow]) -> dict[int, dict[str, str | None]]:
        """Send each alert to each address that has not got it, within `ROUND_S`.

        An address that fails is skipped for the rest of the round: the alerts not offered to it
        are not in the result. One that refuses an alert is offered the next.
        """
        problems: dict[int, dict[str, str | None]] = {alert.id: {} for alert in found}
        asyncio.run(self._tell(found, problems))
        return problems

    async def _tell(
        self, found: Sequence[AlertRow], problems: dict[int, dict[str, str | None]]
    ) -> None:
        await asyncio.gather(*(self._tell_one(each, found, problems) for each in self._targets))

    async def _tell_one(
        self,
        target: Target,
        found: Sequence[AlertRow],
        problems: dict[int, dict[str, str | None]],
    ) -> None:
        end = asyncio.get_running_loop().time() + ROUND_S - TRY_S
        for alert in found:
            if target.name in alert.told_to:
                continue
            problem = await self._try(target, alert)
            why = None if problem is None else f"{target.place}: {problem.why}"
            problems[alert.id][target.name] = why
            is_away = problem is not None and not problem.is_refusal
            if is_away or asyncio.get_running_loop().time() > end:
                return

    async def _try(self, target: Target, alert: AlertRow) -> Problem | None:
        content = json.loads(self._mask(json.dumps(content_of(alert)).encode()))
        try:
            async with asyncio.timeout(TRY_S):
                return await target.send(content)
        except TimeoutError:
            return Problem(f"no answer within {TRY_S:g} s")


class Webhook:
    """An address that takes a JSON document by POST.

    Args:
        url: The address.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.name = name_of(url)
        self.place = f"{parts.scheme}://{parts.hostname}"
        self._url = url
        self._trust = httpx.create_ssl_context()  # slow: not for each alert

    async def send(self, content: Mapping[str, Any]) -> Problem | None:
        """Send one alert; a redirect is not followed, and of the answer only the status is read."""
        try:
            async with (
                httpx.AsyncClient(verify=self._trust, timeout=TRY_S) as client,
                client.stream("POST", self._url, json=content) as response,
            ):
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Problem(type(error).__name__)
        if httpx.codes.is_success(status):
            return None
        if httpx.codes.is_redirect(status):
            return Problem(f"status {status}: it redirects, give the address that it leads to")
        return Problem(f"status {status}", status in CLIENT_ERRORS and status not in LATER)


def target_of(url: str, number: int) -> Target:
    """The target that sends to an address.

    Raises:
        ConfigurationError: Apprise does not know the address, or is not installed.
    """
    scheme = urlsplit(url).scheme
    if scheme in WEB:
        for talker in ("httpx", "httpcore"):  # they log whole addresses, and redirects
            logging.getLogger(talker).setLevel(logging.WARNING)
        return Webhook(url)
    try:
        services = import_module("orchestration.runtime.services")
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"ALERT_URLS: {scheme}:// needs Apprise: {adding('alerts')}"
        ) from None
    if (target := services.service_of(url, name_of(url))) is None:
        raise ConfigurationError(
            f"ALERT_URLS: address {number} ({scheme}://…) is none that Apprise knows:"
            " see https://github.com/caronc/apprise/wiki"
        )
    service: Target = target
    return service


def name_of(url: str) -> str:
    """The digest that is stored for an address, which is secret."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def content_of(alert: AlertRow) -> dict[str, Any]:
    """An alert as a webhook gets it; `text` is what chats show."""
    times = f" ({alert.times} times)" if alert.times > 1 else ""
    return {
        "id": alert.id,
        "kind": alert.kind,
        "subject": alert.subject,
        "message": alert.message,
        "workflow_id": alert.run_id,
        "raised_at": alert.raised_at.isoformat(timespec="milliseconds"),
        "times": alert.times,
        "text": f"{alert.kind}: {alert.message}{times}",
    }

"""Alerts to the many services that Apprise knows."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import apprise

from orchestration.runtime.addresses import Problem


class Service:
    """An address of Apprise.

    Args:
        name: The digest that is stored for it.
        scheme: The part of it that is no secret.
        notifier: Sends to it.
    """

    def __init__(self, name: str, scheme: str, notifier: "apprise.Apprise") -> None:
        self.name = name
        self.place = f"{scheme}://…"
        self._notifier = notifier

    async def send(self, content: Mapping[str, Any]) -> Problem | None:
        """Send one alert; Apprise limits the time of each request, and gives no reasons."""
        sent = await asyncio.to_thread(
            self._notifier.notify, body=content["text"], title=f"orchestration: {content['kind']}"
        )
        return None if sent else Problem("the service did not take it")


def service_of(url: str, name: str) -> Service | None:
    """The target that sends to an address; None: Apprise does not know it."""
    for talker in ("apprise", "urllib3"):  # they log parts of addresses
        logging.getLogger(talker).setLevel(logging.CRITICAL)
    notifier = apprise.Apprise()
    return Service(name, url.partition(":")[0], notifier) if notifier.add(url) else None

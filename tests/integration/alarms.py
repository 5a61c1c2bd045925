"""Alerts that a test raises, and whether they were delivered."""

from datetime import timedelta

from orchestration.engine import alerts as engine_alerts
from orchestration.runtime.addresses import Addresses
from orchestration.runtime.alerter import Alerter, Nowhere, Targets
from orchestration.store import alerts
from orchestration.store.alerts import AlertKind, AlertRow
from tests.integration.workshop import Workshop

PERIOD = timedelta(seconds=15)


def mask(body: bytes) -> bytes:
    return body.replace(b"hush-hush", b"***")


def alerter(workshop: Workshop, *urls: str) -> Alerter:
    targets: Targets = Addresses(urls, mask) if urls else Nowhere()
    return Alerter(workshop.engine, workshop.locks, targets, lambda: None, PERIOD)


def sound(
    workshop: Workshop,
    message: str = "gone",
    subject: str = "smith",
    kind: AlertKind = AlertKind.AGENT_SILENT,
) -> None:
    workshop.engine.commit(lambda tx: engine_alerts.alert(tx, kind, subject, message))


def kept(workshop: Workshop) -> AlertRow:
    (found,) = workshop.store.read(lambda s: alerts.newest(s, 9))
    return found


def tries(workshop: Workshop) -> dict[str, int]:
    return {row.subject: row.tries for row in workshop.store.read(lambda s: alerts.newest(s, 9))}

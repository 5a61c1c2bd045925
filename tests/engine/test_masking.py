"""No configured secret is kept or told, whoever said it."""

import pytest

from orchestration.engine import Engine, Report, alerts, intake, outside
from orchestration.errors import DeadLetterError
from orchestration.messages import Envelope
from orchestration.store import agents
from orchestration.store.alerts import AlertKind
from orchestration.store.dead_letters import DeadLetter
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import Fleet, step, workflow

KEY = "polygon-key-0123"


def masking(fleet: Fleet) -> Engine:
    return fleet.engine("ingress", mask=lambda text: text.replace(KEY, "***"))


def rows(fleet: Fleet, sql: str) -> str:
    return str(fleet.read(lambda s: s.all(sql)))


def test_in_alerts_and_in_what_a_sender_is_told(fleet_of: MakeFleet) -> None:
    fleet = fleet_of(workflow("trip", step("flight")))
    engine = masking(fleet)
    letter = DeadLetter(reason="failed", detail="x", routing_key="k", body=b"", sender="a")
    error = DeadLetterError("failed", f"no {KEY}")
    engine.commit(lambda tx: intake.bury(tx, letter, answer=True, error=error))
    engine.commit(lambda tx: alerts.alert(tx, AlertKind.AGENT_SILENT, "a", f"at {KEY}"))
    said = rows(fleet, "SELECT body FROM outbox") + rows(fleet, "SELECT message FROM alerts")
    assert "no ***" in said
    assert "at ***" in said
    assert KEY not in said


def test_in_the_errors_of_agents(fleet_of: MakeFleet) -> None:
    fleet = fleet_of(workflow("trip", step("flight")))
    payload = {"error_type": "x", "error_message": f"401 for ?apiKey={KEY}"}
    envelope = Envelope.model_validate(
        {
            "id": "1",
            "message_type": "error",
            "sender": "shop",
            "recipient": "orchestration_agent",
            "payload": payload,
        }
    )
    masking(fleet).commit(lambda tx: outside.complain(tx, envelope))
    (known,) = [row for row in fleet.read(agents.everyone) if row.name == "shop"]
    assert "401 for ?apiKey=***" in str(known.last_error)


def test_in_the_progress_of_a_step(fleet_of: MakeFleet) -> None:
    fleet = fleet_of(workflow("trip", step("flight")))
    worker = fleet.worker(rules={"mask": lambda text: text.replace(KEY, "***")})
    run_id = fleet.start("trip")
    claim = worker.take()
    worker.engine.report([Report(claim.key, claim.attempt, 0.1, f"GET ?apiKey={KEY}", None)])
    assert fleet.row(run_id, "flight").message == "GET ?apiKey=***"


@pytest.mark.parametrize("kind", ["heartbeat", "status_update"])
def test_in_what_agents_say_of_themselves(fleet_of: MakeFleet, kind: str) -> None:
    fleet = fleet_of(workflow("trip", step("flight")))
    payload = {
        "health_status": f"waits for {KEY}",
        "capabilities": [f"fetch {KEY}"],
        "metrics": {"urls": [f"?apiKey={KEY}"], KEY: 1},
    }
    envelope = Envelope.model_validate(
        {
            "id": "1",
            "message_type": kind,
            "sender": "shop",
            "recipient": "orchestration_agent",
            "payload": payload,
        }
    )
    message = intake.Received(envelope=envelope, body=b"", routing_key="k", queue="q")
    masking(fleet).commit(lambda tx: intake.take(tx, message))
    said = rows(fleet, "SELECT status, capabilities, metrics FROM agents WHERE name = 'shop'")
    assert "?apiKey=***" in said
    assert KEY not in said

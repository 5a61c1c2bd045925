"""No configured secret is kept or told, whoever said it."""

from orchestration.engine import Engine, alerts, intake, outside
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

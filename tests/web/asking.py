"""HTTP requests of programs, for tests."""

from typing import Any

from orchestration.desk import tokens
from orchestration.desk.tokens import Role
from orchestration.engine.by import By
from orchestration.web.console import Console
from tests.web.browsing import Browser

ALL = "/orchestration"
RUNS = f"{ALL}/workflows"


def start(http: Browser, command: str = "job", **more: Any) -> str:
    answer = http.post(f"{ALL}/commands", json={"command": command, "parameters": {}}, **more)
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["workflow_id"]
    return found


def bearer(console: Console, name: str, role: Role) -> dict[str, Any]:
    """The headers of a request with a new token of a role."""
    token = tokens.add(console.engine, name, role, By("admin"))
    return {"headers": {"Authorization": f"Bearer {token}"}}

"""What messages look like, how this process is set, and what the fleet has set for itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.cli.config import shown
from orchestration.client import Client
from orchestration.messages import schema
from orchestration.store import configuration
from orchestration.store.configuration import Author
from tests.cli.conftest import Cli

Values = Callable[..., Any]
GOOD = {
    "id": "1",
    "message_type": "command",
    "sender": "boss",
    "recipient": "orchestration_agent",
    "payload": {},
}


def test_the_schema_is_that_of_the_parser(cli: Cli) -> None:
    assert json.loads(cli("schema").stdout) == schema()


def test_a_message_is_checked(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "message.json"
    file.write_text(json.dumps(GOOD))
    found = json.loads(cli("schema", "--check", str(file), "-o", "json").stdout)
    assert found == {
        "valid": True,
        "message_type": "command",
        "sender": "boss",
        "for_the_orchestrator": True,
    }


def test_a_message_that_would_die_says_why(cli: Cli) -> None:
    bad = json.dumps({**GOOD, "priority": 9})
    found = json.loads(cli("schema", "--check", "-", "-o", "json", code=1, stdin=bad).stdout)
    assert (found["valid"], found["reason"]) == (False, "wrong_field")
    assert "priority" in found["problem"]


def test_settings_are_shown_with_their_origin_and_without_secrets(
    values: Values, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("abc:secret-token")
    monkeypatch.setenv("ORCHESTRATION_API_TOKEN_FILE", str(token))
    monkeypatch.setenv("RABBITMQ_URL", "amqps://ann:secret-password@rabbit:5671/amc?heartbeat=9")
    monkeypatch.setenv("DATABASE_URL", "sqlite:////tmp/some.db")
    monkeypatch.setenv("TIMEOUT_THRESHOLD", "90")
    monkeypatch.setenv("OUTSIDE_AGENTS", "a,b")
    monkeypatch.setenv("USER_AGENTS", "u=a")
    found = {each["name"]: each for each in values("config", "show")}
    assert found["RABBITMQ_URL"]["value"] == "amqps://ann:***@rabbit:5671/amc?***"
    assert found["DATABASE_URL"]["value"] == "sqlite:///" + "/tmp/some.db"  # noqa: S108 - a name
    assert found["ORCHESTRATION_API_TOKEN"] == {
        "name": "ORCHESTRATION_API_TOKEN",
        "value": "***",
        "origin": "ORCHESTRATION_API_TOKEN_FILE",
    }
    assert found["TIMEOUT_THRESHOLD"]["value"] == 90
    assert found["OUTSIDE_AGENTS"]["value"] == ["a", "b"]
    assert found["USER_AGENTS"]["value"] == ["u=a"]
    assert found["MAX_CONCURRENT_WORKFLOWS"]["origin"] == "default"
    assert "secret" not in json.dumps(list(found.values()))


@pytest.mark.parametrize("words", [["config", "show"], ["run", "job"], ["commands"]])
def test_an_outside_agent_that_the_app_does_not_declare_is_told(
    words: list[str], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not refused: settings may change before the release that declares it, or after it."""
    monkeypatch.setenv("OUTSIDE_AGENTS", "worker")
    assert "OUTSIDE_AGENTS: " not in cli("config", "show").stderr
    monkeypatch.setenv("OUTSIDE_AGENTS", "wroker")
    told = "orchestrate: OUTSIDE_AGENTS: unknown agent 'wroker'; known: worker\n"
    assert told in cli(*words).stderr


def test_a_variable_that_is_very_like_a_setting_is_told(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKFLOW_TIEMOUT", "5")
    told = "orchestrate: WORKFLOW_TIEMOUT is not a setting: did you mean WORKFLOW_TIMEOUT?\n"
    assert cli("config", "show").stderr == told


def test_settings_are_shown_where_no_app_is(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTSIDE_AGENTS", "wroker")
    monkeypatch.setenv("ORCHESTRATION_APP", "nowhere_at_all")
    assert cli("config", "show").stderr == ""


def test_what_steps_configured_is_told_newest_first(
    cli: Cli, values: Values, client: Client
) -> None:
    engine = client.engine
    for number, value in enumerate(["paper", "live"]):
        author = Author("management_agent", f"run_{number}", "enabling")
        engine.store.write(
            lambda s, v=value, a=author: configuration.add(
                s, "trading_mode", v, a, engine.clock.now()
            )  # type: ignore[misc]
        )
    found = values("config", "history", "trading_mode")
    assert [(each["version"], each["value"]) for each in found] == [(2, "live"), (1, "paper")]
    assert found[0]["workflow_id"] == "run_1"
    assert values("config", "history", "other") == []
    assert "enabling" in cli("config", "history").stdout


def test_config_show_hides_what_options_of_a_command_are_set_to() -> None:
    assert shown("discovery_command", ("rq", "--token=a=b", "X=y", "-v")) == [
        "rq",
        "--token=***",
        "X=***",
        "-v",
    ]

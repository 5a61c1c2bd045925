"""What deploys a fleet says what is so, as far as that can be seen without a platform."""

import json
import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.cli.verbs import VERBS
from orchestration.settings import Settings

ROOT = Path(__file__).parent.parent
SETTINGS = {name.upper() for name in Settings.model_fields}
PLATFORM_S = 30  # between the signal and the end
PROCESSES = ("release", "web", "worker", "scheduler")


def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text("utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines)


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return found


def app_json() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "app.json").read_text("utf-8"))
    return found


def commands() -> dict[str, list[str]]:
    """Every command of a process, by where it stands."""
    found = {f"Procfile: {name}": line.split() for name, line in procfile().items()}
    for name, service in compose()["services"].items():
        if "build" in service:
            found[f"docker-compose.yml: {name}"] = service["command"]
    (words,) = re.findall(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    return found | {"Dockerfile": json.loads(words)}


@pytest.mark.parametrize("where", commands())
def test_every_process_is_a_command_that_there_is(where: str) -> None:
    match commands()[where]:
        case ["python", "-m", "orchestration", verb] | ["orchestrate", verb]:
            assert verb in VERBS
        case ["dramatiq", "actors", *options]:
            limit = int(options[options.index("--worker-shutdown-timeout") + 1]) / 1000
            assert limit <= PLATFORM_S / 2
        case ["python", "scheduler.py"] | ["python", "-m", "scheduler"]:
            assert (ROOT / "scheduler.py").exists()
        case words:
            raise AssertionError(words)


def test_every_way_to_deploy_has_the_same_processes() -> None:
    assert tuple(procfile()) == PROCESSES
    assert set(PROCESSES) < set(compose()["services"])
    assert set(app_json()["formation"]) == set(PROCESSES) - {"release"}


def test_what_is_set_are_settings() -> None:
    assert app_json()["env"].keys() <= SETTINGS
    for service in compose()["services"].values():
        if "build" in service:
            assert service["environment"].keys() <= SETTINGS


def test_a_platform_has_a_token_and_no_sqlite() -> None:
    assert app_json()["env"]["ORCHESTRATION_API_TOKEN"]["generator"] == "secret"
    assert [each.partition(":")[0] for each in app_json()["addons"]] == [
        "cloudamqp",
        "heroku-postgresql",
    ]


def test_behind_the_router_of_a_platform_addresses_are_those_of_its_clients() -> None:
    """Else ten wrong tokens of one client shut out everybody, and one crowd slows all."""
    trusted = ip_network(app_json()["env"]["ORCHESTRATION_TRUSTED_PROXIES"]["value"])
    assert trusted.is_private
    assert ip_address("10.1.38.91") in trusted


def test_services_wait_for_what_they_need_and_have_time_to_end() -> None:
    services = compose()["services"]
    for name in ("rabbitmq", "postgres", "web"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"
    for name in ("web", "worker", "scheduler"):
        assert {"rabbitmq", "postgres", "release"} == services[name]["depends_on"].keys()
        assert services[name]["stop_grace_period"] == f"{PLATFORM_S}s"
    assert "?" in services["web"]["environment"]["ORCHESTRATION_API_TOKEN"], "it has to be set"
    published = [port for each in services.values() for port in each.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_compose_file_is_one() -> None:
    words = ("--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    done = subprocess.run(
        (sys.executable, "-m", "check_jsonschema", *words),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_is_made_of_files_that_are_there_and_sent() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignored, name
    assert re.search(r"^USER (?!root)", text, re.MULTILINE)

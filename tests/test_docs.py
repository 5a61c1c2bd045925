"""The pages under docs/ say what is so: what they show is run, and what they name is there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from actors import app
from orchestration.bus.address import Address
from orchestration.cli.verbs import VERBS, Group
from orchestration.runtime.look import rabbitmq_status
from orchestration.settings import Settings
from tests.acceptance.test_deploy import free_port
from tests.actors.stub_vendors import serving
from tests.eventually import eventually
from tests.shown import PAGES, ROOT, block, blocks, environment, shell, started, text_of

BROKER = "amqp://guest:guest@localhost:5672/"
EXAMPLE = "examples.warehouse"
GUIDE = "docs/setup-guide.md"
ROWS = re.findall(r"^\| (?!the guide|---).+ \|$", text_of(GUIDE), re.MULTILINE)
OURS = "\n".join(row.split(" | ", 1)[1] for row in ROWS)
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|\w+\.(?:py|md|txt)|Makefile|Procfile)(?:::(\w+))?`")
SNIPPETS = {
    "Basic setup": "await orchestrator.start()",
    "RabbitMQ configuration": "`virtual_host`",
    "Queue configuration": "`queue_args`",
    "Message priorities": "`MessagePriority`",
    "Restart discovery": "RESTART_DISCOVERY_SYSTEM",
    "Integrate real data": "INTEGRATE_REAL_DATA",
    "Validate algorithms": "VALIDATE_ALGORITHMS",
    "Health monitoring": "send_heartbeat(agent_name, message_bus)",
    "Simple agent": "`handle_command`",
    "Advanced agent": "`report_error`",
    "Credentials": "strong credentials",
    "Debug commands": "`queue_declare(…, passive=True)`",
    "Authentication": "ACCESS_REFUSED",
    "Network security": "`ssl_options`",
    "Message validation": "`validate_message`",
    "Environment": "`RABBITMQ_HOST`",
    "Message structure": "the message structure",
    "Progress update": "`progress_update`",
}
OPERATIONS, COMMANDS, BUS = "docs/operations.md", "docs/commands.md", "docs/bus.md"
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
USED = re.compile(r"block\(\s*\"?([\w./-]+)\"?, \"(bash|sh|python)\", ['\"](.+?)['\"]\)")
VERB = re.compile(r"orchestrate ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")
LINK = re.compile(r"\]\(([^)#:]+)(?:#([\w-]+))?\)")
pytestmark = pytest.mark.timeout(120)


def test_every_setting_is_in_the_table_and_no_other() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", text_of("docs/settings.md"), re.MULTILINE)
    assert sorted(rows) == sorted(name.upper() for name in Settings.model_fields)


def test_every_block_of_every_page_is_run() -> None:
    here = {"OPERATIONS": OPERATIONS, "COMMANDS": COMMANDS, "BUS": BUS}
    run = {
        block(here.get(page, page), kind, word)
        for path in (ROOT / "tests").rglob("test_*.py")
        for page, kind, word in USED.findall(path.read_text("utf-8"))
    }
    assert run == {text for name in NAMES for _, text in blocks(name)}


@pytest.mark.parametrize("page", NAMES)
def test_every_verb_that_a_page_names_is_one(page: str) -> None:
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text_of(page), re.DOTALL))
    for name, second in VERB.findall(code):
        assert name in VERBS, f"orchestrate {name}"
        verb = VERBS[name]
        if isinstance(verb, Group) and (second or verb.default is None):
            assert second in verb.verbs, f"orchestrate {name} {second}"


@pytest.mark.parametrize("page", NAMES)
def test_every_link_leads_to_a_page_and_its_heading(page: str) -> None:
    for target, heading in LINK.findall(text_of(page)):
        path = ((ROOT / page).parent / target).resolve()
        assert path.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}


def test_every_command_has_its_chapter() -> None:
    titles = ", ".join(re.findall(r"^## (.+)$", text_of(COMMANDS), re.MULTILINE))
    assert set(app.workflow) <= set(titles.split(", "))


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (block(OPERATIONS, "bash", "workers list"), r"healthy"),
        (block(OPERATIONS, "bash", "workflows fork"), r"completed  100%"),
        (block(OPERATIONS, "bash", "agents pause"), r"backtesting_agent +\w+ .* yes "),
        (block(OPERATIONS, "bash", "emergency stop"), r"released_by  +\w"),
        (block(OPERATIONS, "bash", "verify --simulate"), r"Success Rate: 100\.0%"),
        (block(OPERATIONS, "bash", "schema --check"), r"it would be a dead letter"),
        (block(OPERATIONS, "bash", "config history"), r"active_strategy +1"),
        (block(OPERATIONS, "bash", "schedules add"), r"morning +health_check"),
        (block(OPERATIONS, "bash", "alerts list"), r"workflow_failed"),
        (block("docs/http.md", "bash", "Idempotency-Key"), r"known commands"),
        (block("docs/http.md", "bash", "tokens add"), r'"role":"approver"'),
        (block("docs/http.md", "bash", "ORCHESTRATION_URL"), r"run.completed"),
        (block(COMMANDS, "bash", "run discover"), r"recommended_strategy"),
    ],
)
def test_what_is_shown_works(tmp_path: Path, text: str, shown: str) -> None:
    env = environment(tmp_path)
    shell("orchestrate migrate", tmp_path, env)
    printed = shell(text, tmp_path, env)
    assert re.search(shown, printed, re.MULTILINE), printed


@pytest.mark.acceptance
@pytest.mark.rabbitmq
def test_a_fleet_on_rabbitmq_is_examined(tmp_path: Path, vhost: str) -> None:
    text = block(OPERATIONS, "bash", "doctor --fix")
    assert BROKER in text
    printed = shell(text.replace(BROKER, vhost), ROOT, environment(tmp_path))
    assert "Success Rate: 100.0%" in printed
    assert "problem" not in printed


@pytest.fixture(params=["the first day's", "the app on board"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Runs what pages show of a project: in one of `orchestrate new`, and with AMC-TRADER."""

    def run(text: str) -> str:
        env = environment(tmp_path)
        if request.param == "the app on board":
            return shell(re.sub(r"count_words -p texts=\w\S*\b", "health_check", text), ROOT, env)
        shell("orchestrate new myfleet", tmp_path, env)
        return shell(text, tmp_path / "myfleet", env)

    return run


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (block("docs/backup.md", "bash", "orchestrate backup"), r" paused [\s\S]*completed  100%"),
        (block("docs/upgrade.md", "bash", "migrate --check"), r"nothing to migrate|up to date"),
    ],
    ids=["backup", "upgrade"],
)
def test_what_is_shown_works_in_either_project(
    project: Callable[[str], str], text: str, shown: str
) -> None:
    printed = project(
        "orchestrate migrate\n" + text.replace("monday", "$ORCHESTRATION_HOME/monday")
    )
    assert re.search(shown, printed), printed


@pytest.mark.acceptance
@pytest.mark.rabbitmq
def test_a_fleet_is_started_from_the_procfile(project: Callable[[str], str], vhost: str) -> None:
    text = block("docs/deploy.md", "bash", "honcho start web")
    shown = text.replace(BROKER, vhost).replace("8080", str(free_port()))
    assert "completed  100%" in project(shown.replace("pip install honcho", "true"))


@pytest.mark.acceptance
@pytest.mark.rabbitmq
def test_one_agent_gets_processes_of_its_own(tmp_path: Path, vhost: str) -> None:
    env = environment(tmp_path)
    shell("orchestrate new myfleet", tmp_path, env)
    text = block("docs/scale.md", "bash", "counter=3").replace(BROKER, vhost)
    assert "completed  100%" in shell(text, tmp_path / "myfleet", env)


@pytest.mark.acceptance
def test_real_data_are_integrated_with_vendors_that_are_stubs(tmp_path: Path) -> None:
    with serving() as vendors:
        urls = {f"{name}_URL": vendors.url for name in ("POLYGON", "YAHOO", "ALPHA_VANTAGE")}
        rates = {"POLYGON_RATE": "999/second", "YAHOO_RATE": "999/second"}
        text = block(COMMANDS, "bash", "send integrate_real_data")
        printed = shell(text, tmp_path, environment(tmp_path, **urls, **rates))
    assert re.search(r"trading_mode +1 +live", printed), printed


RESTOCK = """
dramatiq examples.warehouse -p 1 -t 4 & fleet=$!
python "$PAGES/agent.py" & agent=$!
run=$(orchestrate send restock -p skus=A-1,B-2)
until orchestrate workflows approve $run shipping --yes; do sleep 0.2; done
orchestrate workflows watch $run
kill $agent
kill $fleet
"""


@pytest.mark.acceptance
@pytest.mark.rabbitmq
def test_an_agent_that_is_a_program_of_its_own_does_its_steps(tmp_path: Path, vhost: str) -> None:
    (tmp_path / "agent.py").write_text(block(BUS, "python", "on_command"))
    env = environment(
        tmp_path,
        PAGES=str(tmp_path),
        RABBITMQ_URL=vhost,
        OUTSIDE_AGENTS="warehouse_agent",
        ORCHESTRATION_APP=EXAMPLE,
    )
    assert "completed  100%" in shell(RESTOCK, ROOT, env)


@pytest.mark.acceptance
@pytest.mark.rabbitmq
def test_who_asks_for_work_hears_of_its_end(tmp_path: Path, vhost: str) -> None:
    (tmp_path / "asker.py").write_text(block(BUS, "python", "on_message"))
    env = environment(tmp_path, RABBITMQ_URL=vhost)
    with started("dramatiq", "actors", "-p", "1", "-t", "8", cwd=ROOT, env=env):
        eventually(lambda: rabbitmq_status(Address(vhost))["is_consuming"], within=40)
        printed = shell("python asker.py", tmp_path, env)
    assert printed == "pending\ncompleted\n"


def test_every_line_of_the_guide_has_a_home() -> None:
    for row in ROWS:
        guide, here, _ = re.split(r" \| ?", row.removeprefix("| ").removesuffix("|"))
        assert guide
        assert "`" in here, row


def test_what_the_guide_s_lines_became_is_there() -> None:
    fields = {name.upper() for name in Settings.model_fields}
    for path, name in FILE.findall(OURS):
        assert (ROOT / path).exists(), path
        assert not name or f"def {name}(" in text_of(path), f"{path}::{name}"
    for name in re.findall(r"`([A-Z_]{6,})`", OURS):
        assert name in fields or name.removesuffix("_FILE") in fields, name


def test_every_snippet_of_the_guide_has_a_line() -> None:
    titles = re.findall(r"^## (.+)$", text_of("tests/bus/guide.txt"), re.MULTILINE)
    assert list(SNIPPETS) == titles
    for words in SNIPPETS.values():
        assert any(words in row for row in ROWS), words

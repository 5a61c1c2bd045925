"""The pages for who comes and who moves in: their code is run, and the site is built of them."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import yaml
from dramatiq.brokers.stub import StubBroker

from orchestration.definitions import App
from orchestration.testbed import Fleet
from tests.acceptance.test_deploy import free_port
from tests.shown import ROOT, block, blocks, environment, shell, text_of

TUTORIAL = "docs/tutorial.md"
BROKER = "amqp://guest:guest@localhost:5672/"
CELERY = block("docs/from-celery.md", "python", "reporter")
DRAMATIQ = block("docs/from-dramatiq.md", "python", "resize.fn")
RATE = block("docs/scale.md", "python", "3/minute")
STAGES = (
    block("docs/tutorial.md", "bash", "orchestrate new"),
    block("docs/tutorial.md", "bash", "orchestrate serve"),
    block("docs/tutorial.md", "bash", "honcho start release"),
    block("docs/tutorial.md", "bash", "kill -9"),
    block("docs/tutorial.md", "bash", "--force-reinstall"),
    block("docs/tutorial.md", "bash", "orchestrate backup"),
    block("docs/tutorial.md", "bash", "-Q counter"),
)


def app_of(text: str) -> App:
    known: dict[str, Any] = {"__name__": "shown"}
    exec(compile(text, "shown", "exec"), known)  # noqa: S102 - it is ours, and shown to be run
    found = known["app"]
    assert isinstance(found, App)
    return found


@pytest.fixture
def fleet_of() -> Iterator[Callable[[str], Fleet]]:
    """Makes a fleet in memory of what a page shows."""
    with ExitStack() as undo:
        yield lambda text: undo.enter_context(closing(Fleet(app_of(text))))


def test_a_chain_a_group_and_a_chord_are_a_workflow(fleet_of: Callable[[str], Fleet]) -> None:
    fleet = fleet_of(CELERY)
    assert fleet.start("report", {"urls": ["a", "bb", "ccc"]}).result() == {"total": 6}


def test_an_actor_that_exists_is_a_step(
    monkeypatch: pytest.MonkeyPatch, fleet_of: Callable[[str], Fleet]
) -> None:
    monkeypatch.setattr(dramatiq, "get_broker", StubBroker)
    dramatiq.set_broker(StubBroker())
    fleet = fleet_of(DRAMATIQ)
    images = fleet.start("gallery", {"paths": ["a", "b"]}).result()
    assert images == {"images": ["a@640", "b@640"]}


def test_an_agent_with_a_rate_works(fleet_of: Callable[[str], Fleet]) -> None:
    fleet = fleet_of(RATE)
    assert [fleet.start("calls", {}).result() for _ in range(3)] == [0] * 3
    fourth = fleet.start("calls", {})
    assert fourth.status()["status"] == "running"
    fleet.advance(timedelta(minutes=1))
    assert fourth.status()["status"] == "completed"


def test_every_page_is_in_the_navigation() -> None:
    text = re.sub(r"!!python/name:\S+", "x", (ROOT / "mkdocs.yml").read_text("utf-8"))
    listed = re.findall(r"[\w/-]+\.md", str(yaml.safe_load(text)["nav"]))
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    decisions = {page for page in pages if re.match(r"adr/\d", page)}
    assert set(listed) == pages - decisions
    assert len(listed) == len(set(listed))


@pytest.mark.acceptance
def test_the_site_is_built_and_every_link_in_it_leads_somewhere(tmp_path: Path) -> None:
    words = (sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site"))
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=dict(os.environ) | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "tutorial" / "index.html").exists()


@pytest.mark.acceptance
@pytest.mark.rabbitmq
@pytest.mark.timeout(530)
def test_the_first_day_is_as_the_tutorial_says(tmp_path: Path, vhost: str) -> None:
    """In an empty environment, from the wheel, in one shell."""
    assert list(STAGES) == [text for _, text in blocks(TUTORIAL)]
    text, port = "\n".join(STAGES).replace(BROKER, vhost), str(free_port())
    text = text.replace("~/fleet-orchestration", str(ROOT)).replace("8080", port)
    text = text.replace("python -m venv", f"{sys.executable} -m venv")
    env = environment(tmp_path, PORT=port)
    for name in ("ORCHESTRATION_HOME", "PYTHONPATH"):
        env.pop(name, None)
    env["PATH"] = os.pathsep.join(each for each in env["PATH"].split(":") if ".venv" not in each)
    printed = shell(text, tmp_path, env, within=500)
    assert printed.count("completed  100%") >= 7, printed
    assert "passed" in printed
    assert "is as it was at" in printed
    assert "lost" in printed
    assert (tmp_path / "myfleet" / "myfleet.py").exists()
    assert "# The first day" in text_of(TUTORIAL)

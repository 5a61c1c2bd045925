"""What is drawn, copied or built from the code agrees with the code."""

import re
import tomllib
from pathlib import Path

import pytest

from docs import failpoints, metrics, reference, states
from orchestration.state import RunStatus, StepStatus
from orchestration.store.migrate import known

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.txt", "requirements-build.txt", "requirements-dev.txt")


def test_the_state_diagrams_are_those_of_the_tables() -> None:
    assert states.PAGE.read_text("utf-8") == states.page(), "run `make docs`"
    assert failpoints.table() in failpoints.PAGE.read_text("utf-8"), "run `make docs`"


def test_every_metric_is_in_the_table_and_no_other() -> None:
    assert metrics.PAGE.read_text("utf-8") == metrics.page(), "run `make docs`"


@pytest.mark.parametrize("page", reference.PAGES, ids=lambda page: page.stem)
def test_the_reference_is_drawn_from_the_code(page: Path) -> None:
    assert page.read_text("utf-8") == reference.PAGES[page](), (
        "run `.venv/bin/python docs/reference.py`"
    )


def test_every_status_is_explained() -> None:
    assert set(states.RUNS) == set(RunStatus)
    assert set(states.STEPS) == set(StepStatus)


def test_no_status_is_counted_in_the_tuple_that_a_run_is() -> None:
    sources = (ROOT / "orchestration").rglob("*.py")
    counted = re.compile(r"\.(count|index)\((StepStatus|S)\.")
    assert [path for path in sources if counted.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_everything_by_hash_and_names_no_place(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    pinned = [line for line in text.splitlines() if re.match(r"[a-z]", line)]
    assert pinned
    assert all("==" in line for line in pinned)
    assert text.count("\n    --hash=sha256:") >= len(pinned)
    assert not re.search(r"https?:|file:|--(extra-)?index|--find-links|/", text)


def test_the_locks_hold_every_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    declared = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"][1:]]
    for extra in project["project"]["optional-dependencies"].values():
        declared += extra
    locked = re.findall(r"^([a-z0-9-]+)==", (ROOT / LOCKS[2]).read_text("utf-8"), re.MULTILINE)
    wanted = {re.split(r"[\[<>=]", each)[0] for each in declared}
    assert wanted <= set(locked)


def test_migrations_are_numbered_one_by_one() -> None:
    assert [each.version for each in known()] == list(range(1, len(known()) + 1))


def test_every_alert_rule_has_a_chapter_in_the_runbook() -> None:
    rules = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text("utf-8")
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    chapters = re.findall(r"^## (\w+)$", runbook, re.MULTILINE)
    named = re.findall(r"- alert: (\w+)", rules)
    links = re.findall(r"runbook: docs/runbook\.md#(\w+)", rules)
    assert chapters == named
    assert links == [name.lower() for name in named]

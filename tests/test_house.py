"""What is drawn, copied or built from the code agrees with the code."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from docs import states
from orchestration.state import RunStatus, StepStatus

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.txt", "requirements-build.txt", "requirements-dev.txt")
PACKAGES = ("orchestration", "actors", "trading")


def test_the_state_diagrams_are_those_of_the_tables() -> None:
    assert states.PAGE.read_text("utf-8") == states.page(), "run `make docs`"


def test_every_status_is_explained() -> None:
    assert set(states.RUNS) == set(RunStatus)
    assert set(states.STEPS) == set(StepStatus)


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


def test_the_wheel_holds_the_packages_and_nothing_else(tmp_path: Path) -> None:
    output(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    listed = output("git", "ls-files", "-co", "--exclude-standard", *PACKAGES, "scheduler.py")
    assert sorted(names) == sorted(n for n in listed.splitlines() if (ROOT / n).exists())
    assert "orchestration/py.typed" in names
    assert "orchestration/store/migrations/0001_foundation.sql" in names
    assert "trading/data/stocks.csv.gz" in names


def output(*words: str) -> str:
    return subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout

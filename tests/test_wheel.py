"""The wheel, and what somebody gets who has nothing else."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHANGES = ROOT / "CHANGELOG.md"
PACKAGES = ("orchestration", "actors", "trading", "scheduler.py", "rabbitmq_orchestration_agent.py")


def output(*words: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """What a command prints; its standard error where it fails."""
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    output(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path)
    (built,) = tmp_path.glob("*.whl")
    return built


def test_it_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    listed = output("git", "ls-files", "-co", "--exclude-standard", *PACKAGES).splitlines()
    assert sorted(names) == sorted(name for name in listed if (ROOT / name).exists())
    assert "orchestration/py.typed" in names
    assert "orchestration/store/migrations/0001_foundation.sql" in names
    assert "trading/data/stocks.csv.gz" in names


def test_it_says_which_release_it_is_and_under_which_licence(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    with zipfile.ZipFile(wheel) as archive:
        (licence,) = [n for n in archive.namelist() if n.endswith("/licenses/LICENSE")]
        (about,) = [n for n in archive.namelist() if n.endswith("/METADATA")]
        text = archive.read(about).decode()
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert f"Version: {project['version']}" in text
    assert re.search(rf"^## \[{project['version']}\] - ", CHANGES.read_text("utf-8"), re.MULTILINE)
    assert "License-Expression: MIT" in text
    assert "Requires-Python: >=3.11" in text

"""The wheel, and what somebody gets who has nothing else."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
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


@pytest.mark.acceptance
@pytest.mark.timeout(180)
def test_it_is_enough_for_a_project_of_ones_own(wheel: Path, tmp_path: Path) -> None:
    output(sys.executable, "-m", "venv", tmp_path / "venv")
    programs = tmp_path / "venv/bin"
    output(programs / "python", "-m", "pip", "install", "--quiet", f"{wheel}[testing]")
    env = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path)}

    output("orchestrate", "new", "myfleet", cwd=tmp_path, env=env)
    project = tmp_path / "myfleet"
    assert "passed" in output("pytest", cwd=project, env=env)

    env["ORCHESTRATION_APP"] = "myfleet"
    printed = output("orchestrate", "run", "count_words", "-p", "texts=a b,c", cwd=project, env=env)
    assert "completed  100%" in printed
    assert "No broken" in output(programs / "python", "-m", "pip", "check", env=dict(os.environ))

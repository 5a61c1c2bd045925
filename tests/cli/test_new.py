"""`new` writes a project whose own tests pass."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.cli.new import module_name
from orchestration.errors import RejectedError
from tests.cli.conftest import Cli
from tests.cli.processes import ROOT


def test_the_tests_of_a_new_project_pass(cli: Cli, tmp_path: Path) -> None:
    project = tmp_path / "My-Fleet"
    assert "pytest" in cli("new", str(project)).stdout

    assert sorted(str(p.relative_to(project)) for p in project.rglob("*") if p.is_file()) == [
        ".gitignore",
        "Procfile",
        "README.md",
        "my_fleet.py",
        "pyproject.toml",
        "tests/test_app.py",
    ]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 passed" in result.stdout


@pytest.mark.parametrize("name", ["f", "my-fleet", "a_fleet_with_quite_a_long_name"])
def test_comments_in_the_readme_of_a_new_project_stand_below_each_other(
    name: str, cli: Cli, tmp_path: Path
) -> None:
    cli("new", str(tmp_path / name))
    lines = (tmp_path / name / "README.md").read_text("utf-8").splitlines()
    assert {line.index(" # ") for line in lines if " # " in line} == {40}


def test_a_directory_with_a_space_can_be_gone_to_as_it_is_told(cli: Cli, tmp_path: Path) -> None:
    told = cli("new", str(tmp_path / "My Fleet")).stdout
    assert f"next: `cd '{tmp_path / 'My Fleet'}' && pytest`" in told
    assert (tmp_path / "My Fleet" / "my_fleet.py").exists()


def test_the_app_of_a_new_project_runs(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "wordcount"
    cli("new", str(project))
    monkeypatch.delenv("ORCHESTRATION_APP")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(project)
    assert "words  3" in cli("run", "count_words", "-p", "texts=one two,three").stdout


def test_a_new_project_has_the_processes_of_every_fleet(cli: Cli, tmp_path: Path) -> None:
    """So that what docs/deploy.md starts by name is there."""
    project = tmp_path / "newfleet"
    cli("new", str(project))
    ours, theirs = (processes(each / "Procfile") for each in (ROOT, project))
    assert list(theirs) == list(ours)
    for name, command in theirs.items():
        match command:
            case ["python", "-m", "orchestration", _]:
                assert command == ours[name]
            case ["dramatiq", "newfleet", *options]:
                assert options == ours[name][2:]
            case _:
                assert command == ["python", "-m", "scheduler"]
    needed = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    assert needed["dependencies"] == ["fleet-orchestration[web]"]


def processes(procfile: Path) -> dict[str, list[str]]:
    lines = (line.split(": ", 1) for line in procfile.read_text("utf-8").splitlines())
    return {name: command.split() for name, command in lines}


def test_json_lists_what_was_written(values: Callable[..., Any], tmp_path: Path) -> None:
    assert "tests/test_app.py" in values("new", str(tmp_path / "again"))["files"]


def test_a_directory_with_something_in_it_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        assert "exists and is not empty" in cli("new", str(tmp_path / name), code=2).stderr
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["file"]


def test_a_directory_that_cannot_be_made_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "cannot write to" in cli("new", str(tmp_path / "file" / "x"), code=2).stderr


@pytest.mark.parametrize(
    "name",
    ["json", "msvcrt", "actors", "orchestration", "fleet_orchestration", "scheduler", "pika"],
)
def test_a_name_that_hides_a_module_is_refused(name: str, cli: Cli, tmp_path: Path) -> None:
    told = cli("new", str(tmp_path / name), code=2).stderr
    assert f"{name} would hide" in told
    assert f"such as my_{name}" in told
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["1st", "class"])
def test_a_name_that_makes_no_module_is_refused(name: str) -> None:
    with pytest.raises(RejectedError, match="cannot be a module's name"):
        module_name(Path(name))

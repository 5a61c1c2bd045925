"""What is optional may be absent: the rest works, and who needs it is told what to install."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OPTIONAL = {
    "trading": ("numpy", "holidays", "stamina"),
    "postgres": ("psycopg",),
    "rq": ("rq", "redis"),
    "alerts": ("apprise",),
    "web": ("fastapi", "starlette", "uvicorn", "h11", "jinja2"),
    "testing": ("pytest",),
}
WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in %r:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
sys.argv = ["orchestrate", *sys.argv[1:]]
from orchestration.cli import main
main()
"""


def bare(home: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """`orchestrate` where nothing optional is installed."""
    absent = tuple(name for names in OPTIONAL.values() for name in names)
    environment = {"PATH": "/usr/bin:/bin", "ORCHESTRATION_HOME": str(home), "HOME": str(home)}
    return subprocess.run(
        (sys.executable, "-c", WITHOUT % (absent,), *words),
        cwd=ROOT,
        env=environment | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_fleet_works_with_nothing_optional(tmp_path: Path) -> None:
    done = bare(tmp_path, "send", "restock", "-p", "skus=A", ORCHESTRATION_APP="examples.warehouse")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("restock_")
    listed = bare(tmp_path, "workflows", "list")
    assert done.stdout.strip() in listed.stdout


@pytest.mark.parametrize(
    ("extra", "words", "more"),
    [
        ("web", ("web",), {"ORCHESTRATION_APP": "examples.warehouse"}),
        ("postgres", ("migrate",), {"DATABASE_URL": "postgresql://localhost/none"}),
        ("trading", ("run", "health_check"), {}),
        (
            "alerts",
            ("serve",),
            {"ALERT_URLS": "tgram://1:a/2", "ORCHESTRATION_APP": "examples.warehouse"},
        ),
    ],
)
def test_who_needs_an_extra_is_told_which(
    extra: str, words: tuple[str, ...], more: dict[str, str], tmp_path: Path
) -> None:
    done = bare(tmp_path, *words, **more)
    assert done.returncode == 2, done.stderr
    assert f"install the extra {extra}: pip install 'fleet-orchestration[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_who_may_have_meant_an_app_of_his_own_is_told_how_to_name_it(tmp_path: Path) -> None:
    done = bare(tmp_path, "run", "health_check")
    assert "where you mean an app of your own, set ORCHESTRATION_APP" in done.stderr

"""The code blocks of README.md and docs/, and a way to run them as they are."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestration.settings import Settings
from tests.rabbitmq import QUEUE_TYPE

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(bash|sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def text_of(page: str) -> str:
    """A page by its path from the root."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each runnable block of a page."""
    return BLOCK.findall(text_of(page))


def block(page: str, kind: str, word: str) -> str:
    """The one block of a kind in a page that contains a word."""
    (found,) = [text for language, text in blocks(page) if language == kind and word in text]
    return found


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment, without settings of the person who runs the tests."""
    ours = {name.upper() for name in Settings.model_fields} | {"ARGS", "JOBS", "MAKELEVEL"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    kept["RABBITMQ_QUEUE_TYPE"] = QUEUE_TYPE
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    made = {"PATH": path, "ORCHESTRATION_HOME": str(home / "home"), "MAKEFLAGS": ""}
    return {**kept, **made, **more}


@contextmanager
def started(*words: str, cwd: Path, env: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A command in a process group of its own, which is ended with the block."""
    process = subprocess.Popen(
        words,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def shell(text: str, cwd: Path, env: Mapping[str, str], within: float = 110) -> str:
    """The output of a block, once every process that it started has ended."""
    with started("bash", "-euo", "pipefail", "-c", f"{text}\nwait", cwd=cwd, env=env) as process:
        printed, _ = process.communicate(timeout=within)
        assert process.returncode == 0, printed
    return printed

"""`orchestrate new`: a small tested project of one agent and one workflow."""

import re
import shlex
import sys
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from string import Template

import click

from orchestration.cli import options
from orchestration.cli.output import emit
from orchestration.errors import RejectedError

SUFFIX = ".tmpl"
RESERVED = sys.stdlib_module_names | {"conftest", "fleet_orchestration", "setup", "tests"}
COMMENTS = 40  # where those in the README begin, less a space


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@options.output
def new(directory: Path, form: str) -> None:
    """Write a small tested project of one agent and one workflow into DIR."""
    name = module_name(directory)
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise RejectedError(f"{directory} exists and is not empty: choose a new directory")
        project = list(files(name))
        for path, text in project:
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
    except OSError as error:
        raise RejectedError(
            f"cannot write to {directory}: {error.strerror}; choose another directory"
        ) from None
    if form == "json":
        emit(form, {"directory": str(directory), "files": [str(path) for path, _ in project]})
    else:
        place = shlex.quote(str(directory))
        click.echo(f"wrote {directory}; next: `cd {place} && pytest`, and read its README.md")


def module_name(directory: Path) -> str:
    """The Python module of a project, named after its directory.

    Raises:
        RejectedError: The name makes no module's name, or would hide a module that is needed.
    """
    name = re.sub(r"\W", "_", directory.absolute().name.lower(), flags=re.ASCII)
    if not name.isidentifier() or iskeyword(name) or not name.strip("_"):
        raise RejectedError(
            f"{directory.name!r} cannot be a module's name: begin with a letter, go on with"
            " letters, digits and '_', and use no word of Python's own"
        )
    if is_taken(name):
        raise RejectedError(
            f"{name} would hide what Python or a package here has under that name:"
            f" choose another one, such as my_{name}"
        )
    return name


def is_taken(name: str) -> bool:
    """Whether there is a module of this name already; a mere directory does not count."""
    if name in RESERVED or name in sys.modules:
        return True
    found = find_spec(name)
    return found is not None and found.origin is not None


def files(name: str) -> Iterator[tuple[Path, str]]:
    """Each file of the project, as a path in it and its text."""
    named = {"name": name, "workers": f"dramatiq {name}".ljust(COMMENTS)}
    root = resources.files("orchestration.cli").joinpath("template")
    for path, file in sorted(walk(root, Path()), key=lambda found: found[0]):
        target = Path(str(path).replace("NAME", name).removesuffix(SUFFIX))
        yield target, Template(file.read_text("utf-8")).substitute(named)


def walk(directory: Traversable, path: Path) -> Iterator[tuple[Path, Traversable]]:
    """Every template below a directory, with its path."""
    for entry in directory.iterdir():
        if entry.is_dir():
            yield from walk(entry, path / entry.name)
        elif entry.name.endswith(SUFFIX):
            yield path / entry.name, entry

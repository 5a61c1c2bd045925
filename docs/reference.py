"""Writes `docs/reference/`: the command line and the HTTP interface, from the code itself."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import click
from fastapi import FastAPI

from orchestration.cli.root import LazyGroup, root
from orchestration.web import api, health, metrics

HERE = Path(__file__).with_name("reference")
INDEX = Path(__file__).with_name("adr") / "index.md"
METHODS = ("get", "post", "put", "patch", "delete")


def cli() -> str:
    """Every verb with its help."""
    parts = [
        "# Command line\n",
        "Drawn from the code by `make docs`. Exit codes: 0 done, 1 it went wrong, 2 wrong input, 3",
        "the store or the broker cannot be reached, or an emergency stop holds.\n",
    ]
    for name, command in commands(root, "orchestrate"):
        settings = {"max_content_width": 98, **root.context_settings}
        with click.Context(command, info_name=name, **settings) as context:
            parts += [f"## {name}\n", "```text", command.get_help(context), "```\n"]
    return "\n".join(parts).rstrip() + "\n"


def commands(group: LazyGroup, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, by how it is typed."""
    with click.Context(group, info_name=path) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, LazyGroup):
                yield from commands(command, f"{path} {name}")
            elif command is not None:
                yield f"{path} {name}", command


def http() -> str:
    """Every operation of the HTTP interface."""
    described = FastAPI()
    for router in (health.router, metrics.router, api.router):
        described.include_router(router)
    found = described.openapi()
    parts = [
        "# HTTP\n",
        "Drawn from the OpenAPI document, which a console shows at `/docs`. How it is used, with a",
        "`curl` for each thing, and who may do what: [HTTP](../http.md).\n",
    ]
    parts += ["| method | path | what it does |", "|---|---|---|"]
    for path, item in cast("Mapping[str, Mapping[str, Any]]", found["paths"]).items():
        for method in METHODS:
            if operation := item.get(method):
                parts.append(f"| {method.upper()} | `{path}` | {operation.get('summary', '')} |")
    return "\n".join(parts) + "\n"


def decisions() -> str:
    """The list of decisions."""
    pages = sorted(INDEX.parent.glob("0*.md"))
    titles = [page.read_text("utf-8").partition("\n")[0].removeprefix("# ") for page in pages]
    lines = [f"- [{t}]({p.name})" for t, p in zip(titles, pages, strict=True)]
    return "\n".join(["# Decisions\n", *lines]) + "\n"


PAGES = {HERE / "cli.md": cli, HERE / "http.md": http, INDEX: decisions}

if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for target, text in PAGES.items():
        target.write_text(text(), "utf-8")

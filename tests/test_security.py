"""What no line of ours does, seen by reading every one; and a threat model whose proofs exist."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
OURS = [
    path
    for package in ("orchestration", "actors", "trading")
    for path in sorted((ROOT / package).rglob("*.py"))
]
RUNS_ANYTHING = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "yaml", "code"}
CALLS = {"eval", "exec", "compile", "__import__"}
SHELLS = {"system", "popen", "getoutput", "getstatusoutput"}
SQL_METHODS = {"run", "one", "all"}
SESSIONS = {"session", "s", "source", "target"}
MADE_ELSEWHERE = {  # read by hand: what is put together there is no value either
    "orchestration/store/backup.py:pages": "a table and its columns, named by the schema itself",
    "orchestration/store/events.py:after": "the condition is one of two constants of `of`",
    "orchestration/store/events.py:newest": "the condition is one of two constants of `of`",
    "orchestration/store/listings.py:page": "conditions are made of constants, values go along",
    "orchestration/store/listings.py:ids": "conditions are made of constants, values go along",
    "orchestration/store/listings.py:count": "conditions are made of constants, values go along",
    "orchestration/store/migrate.py:apply": "the text of a migration file of this release",
    "orchestration/store/migrate.py:current": "the dialect's own query for a table",
    "orchestration/store/relocation.py:_leave": "tables of a constant; the place is quoted",
    "orchestration/store/relocation.py:fill": "tables of ours, named by the schema itself",
    "orchestration/store/relocation.py:load": "tables of ours, named by the schema itself",
    "orchestration/store/relocation.py:rows_of": "a table and its columns, named by the schema",
}
HANDLES_MESSAGES = (
    *("orchestration/messages.py", "orchestration/paths.py", "orchestration/state.py"),
    *("orchestration/decide/", "orchestration/engine/", "orchestration/runtime/door.py"),
    *("orchestration/runtime/ingress.py", "orchestration/bus/command.py"),
)
OUTSIDE = {
    *("os", "io", "pathlib", "shutil", "tempfile", "subprocess", "socket", "glob", "importlib"),
    *("http", "urllib", "httpx", "requests", "ftplib", "smtplib"),
}
PAGE = ROOT / "docs" / "threat-model.md"
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_from_data(tree: ast.Module) -> Iterator[int]:
    """The lines on which data could become code, or words for a shell."""
    for node in ast.walk(tree):
        names: set[str] = set()
        if isinstance(node, ast.Import):
            names = RUNS_ANYTHING & {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = RUNS_ANYTHING & {(node.module or "").partition(".")[0]}
        elif isinstance(node, ast.Call):
            called = node.func
            names = {called.id} & CALLS if isinstance(called, ast.Name) else names
            names = {called.attr} & SHELLS if isinstance(called, ast.Attribute) else names
            names |= {"shell" for word in node.keywords if word.arg == "shell"}
        if names:
            yield getattr(node, "lineno", 0)


def test_nothing_turns_data_into_code() -> None:
    found = [f"{name_of(path)}:{line}" for path in OURS for line in code_from_data(parsed(path))]
    assert found == []


@pytest.mark.parametrize(
    "line", ["eval('1')", "import pickle", "from yaml import load", "run(words, shell=True)"]
)
def test_code_from_data_would_be_seen(line: str) -> None:
    assert list(code_from_data(ast.parse(line))) == [1]


def statements(tree: ast.Module) -> Iterator[tuple[str, ast.AST, ast.expr]]:
    """Function, its node and the statement of every call that executes SQL."""
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(scope):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            receiver = node.func.value
            last = receiver.attr if isinstance(receiver, ast.Attribute) else None
            last = receiver.id if isinstance(receiver, ast.Name) else last
            if node.func.attr in SQL_METHODS and last in SESSIONS and node.args:
                yield scope.name, scope, node.args[0]


MADE_OF: dict[type[ast.AST], Callable[[Any], list[ast.expr]]] = {
    ast.Constant: lambda _: [],
    ast.JoinedStr: lambda node: node.values,
    ast.FormattedValue: lambda node: [node.value],
    ast.Tuple: lambda node: node.elts,
    ast.List: lambda node: node.elts,
    ast.Starred: lambda node: [node.value],
    ast.IfExp: lambda node: [node.body, node.orelse],
    ast.GeneratorExp: lambda node: [node.elt],
    ast.ListComp: lambda node: [node.elt],
    ast.Attribute: lambda node: [node.value],
    ast.Subscript: lambda node: [node.value],
    ast.BinOp: lambda node: [node.left, *[node.right] * (not isinstance(node.op, ast.Mult))],
}


class Written:
    """Whether an expression is made of what stands in the source, and of nothing else.

    Args:
        scope: The function that it stands in.
    """

    def __init__(self, scope: ast.AST) -> None:
        self._scope = scope
        self._seen: set[str] = set()

    def holds(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(id=name):
                return name.isupper() or self._assigned(name)
            case ast.Call(func=ast.Attribute(value=base, attr="join" | "format"), args=args):
                return all(map(self.holds, [base, *args]))
            case _ if type(node) in MADE_OF:
                return all(map(self.holds, MADE_OF[type(node)](node)))
            case _:
                return False

    def _assigned(self, name: str) -> bool:
        """Whether all that a local name ever stands for holds; an argument stands for anything."""
        if name in self._seen:
            return True
        self._seen.add(name)
        values = [value for node in ast.walk(self._scope) for value in given(node, name)]
        return bool(values) and all(map(self.holds, values))


def given(node: ast.AST, name: str) -> list[ast.expr]:
    """What a part of a function lets a name stand for."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=parts)):
            pairs = zip(names, parts, strict=True)
            return [part for target, part in pairs if stores(target, name)]
        case ast.Assign(targets=[target], value=value) if stores(target, name):
            return [value]
        case ast.AugAssign(target=ast.Name(id=known), value=value) if known == name:
            return [value]
        case ast.Call(func=ast.Attribute(value=ast.Name(id=known), attr="append"), args=args):
            return args if known == name else []
        case ast.For() | ast.comprehension() if stores(node.target, name):
            return [iterated(node.iter)]
    return []


def stores(target: ast.expr, name: str) -> bool:
    return name in {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}


def iterated(value: ast.expr) -> ast.expr:
    """What a loop goes over, be it by its items."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.value
    return value


def test_no_value_ever_gets_into_a_statement_but_as_a_parameter() -> None:
    seen, wrong = set(), []
    for path in OURS:
        for function, scope, statement in statements(parsed(path)):
            place = f"{name_of(path)}:{function}"
            if Written(scope).holds(statement):
                continue
            seen.add(place)
            if place not in MADE_ELSEWHERE:
                wrong.append(f"{place}: {ast.unparse(statement)}")
    assert wrong == []
    assert seen == set(MADE_ELSEWHERE)


def test_a_value_in_a_statement_would_be_seen() -> None:
    source = 'def f(session, name):\n    sql = f"SELECT {name}"\n    session.one(sql)\n'
    ((_, scope, statement),) = statements(ast.parse(source))
    assert not Written(scope).holds(statement)


def test_only_settings_name_files_and_addresses() -> None:
    """What handles messages can open no file, start no program and call nobody."""
    found = [
        f"{name_of(path)}: {name}"
        for path in OURS
        if name_of(path).startswith(HANDLES_MESSAGES)
        for name in reaches_out(parsed(path))
    ]
    assert found == []


def reaches_out(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {node.module or ""}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = {node.func.id} & {"open"}
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in OUTSIDE | {"open"})


def test_every_claim_of_the_threat_model_names_a_test_that_exists() -> None:
    proofs = PROOF.findall(PAGE.read_text("utf-8"))
    assert len(proofs) > 30
    for file, name in proofs:
        text = (ROOT / file).read_text("utf-8")
        assert re.search(rf"def {name}\(", text), f"{file}::{name}"


def test_every_row_of_the_threat_model_has_a_proof() -> None:
    rows = re.findall(r"^\| (?!claim|---).+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows
    for row in rows:
        assert PROOF.search(row), row

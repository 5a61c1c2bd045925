"""The public `App`: in a worker process of `dramatiq` it serves itself."""

import importlib
import sys
import sysconfig
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path, PurePath
from traceback import FrameSummary, extract_tb

from typing_extensions import override

from orchestration import definitions
from orchestration.errors import ConfigurationError, DefinitionError, OrchestrationError
from orchestration.text import adding

OWN_FLEET = "actors"
LIKE = 0.8
CORRECT = "correct that line"
NAME_ANOTHER = (
    "name a module that can be imported from here, by ORCHESTRATION_APP or as app under"
    " [tool.orchestration] in ./pyproject.toml"
)
CD = (
    "cd into the project that has it (or set PYTHONPATH to that directory, or `pip install -e .`"
    " there)"
)


@dataclass(frozen=True)
class App(definitions.App):
    """A fleet: agents and the workflows over them.

    A module that makes an app can be given to `dramatiq` as it is: a process of that command
    declares the app's actors on RabbitMQ. In any other process the app is a value and does nothing.

    Raises:
        DefinitionError: A doubled name, or a step that no agent of the fleet can do.
    """

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if "dramatiq.cli" in sys.modules:
            import_module("orchestration.runtime.process").host(self)


def load_app(name: str) -> definitions.App:
    """The `app` of a module.

    Raises:
        ConfigurationError: There is no such module, an import of it fails, or it has no app.
        DefinitionError: It declares something wrongly.
    """
    if (module_name := module_meant(name)) != name:
        alone = f"write {module_name}, the name of a module alone; its App is named app"
        raise ConfigurationError(f"app {name}: {alone if module_name else NAME_ANOTHER}")
    try:
        module = import_module(name)
    except ImportError as error:
        raise ConfigurationError(f"app {name}: {cure_of(name, error)}") from error
    except DefinitionError as error:
        raise DefinitionError(joined(f"app {name}", own_line(error), str(error))) from error
    except OrchestrationError:
        raise
    except Exception as error:  # a foreign module may raise anything
        line = own_line(error)
        cure = CORRECT if line and not is_from_outside(error) else ""
        raise ConfigurationError(joined(f"app {name}", line, said_by(error), cure)) from error
    app = getattr(module, "app", None)
    if isinstance(app, definitions.App):
        return app
    if getattr(module, "__file__", None) is None and hasattr(module, "__path__"):
        place = next(iter(module.__path__))
        raise ConfigurationError(
            f"app {name}: no module named {name} is here, {place} is a mere directory: {CD}"
        )
    raise ConfigurationError(
        f"app {name}: the module has no `app = App(...)`: write one, or {NAME_ANOTHER}"
    )


def module_meant(name: str) -> str:
    """The module that is meant by `shop`, and by `shop:app`, `shop.py`, `./shop.py` or `.shop`."""
    path = PurePath(name.partition(":")[0].removesuffix(".py"))
    parts = [path.name] if path.is_absolute() else path.parts
    return ".".join(part.lstrip(".") for part in parts if part.strip("."))


def cure_of(name: str, error: ImportError) -> str:
    """What to do about an app if its module, or one that it imports, cannot be imported."""
    place = place_of(error)
    if place is None:
        return f"no module named {error.name or name} is here: {CD}; or {NAME_ANOTHER}"
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return f"{place.filename}, line {place.lineno}: {error}: correct that import"
    if name == OWN_FLEET:
        return (
            f"the fleet on board needs {error.name}: where you mean an app of your own, set"
            f" ORCHESTRATION_APP to its module; else {adding('trading')}"
        )
    cure = cure_of_missing(error.name, Path(place.filename).parent)
    return f"{place.filename}, line {place.lineno}: no module named {error.name} is here{cure}"


def place_of(error: ImportError) -> FrameSummary | None:
    """The line whose import failed; None: the app's own module is missing."""
    lines = lines_of(error)
    return lines[-1] if lines else None


def lines_of(error: BaseException) -> list[FrameSummary]:
    """The lines that an error came through, from the app's module on; none of the import itself."""
    ours = {__file__, importlib.__file__}
    lines = extract_tb(error.__traceback__)
    return [each for each in lines if each.filename not in ours and each.filename[:1] != "<"]


def own_line(error: Exception) -> str:
    """Where in the user's own files an error comes from: the last line, as a file and a number.

    Empty where there is none, as of a file that cannot be read.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    lines = lines_of(error)
    own = [each for each in lines if is_own(Path(each.filename))]
    return next((f"{each.filename}, line {each.lineno}" for each in (own or lines[:1])[-1:]), "")


def is_from_outside(error: Exception) -> bool:
    """Whether an error comes from a file or a server, which no edit of the module brings back."""
    return isinstance(error, OSError) or isinstance(error.__context__, OSError)


def joined(*parts: str) -> str:
    """What is said in parts, of which some may be empty."""
    return ": ".join(filter(None, parts))


def is_own(file: Path) -> bool:
    """Whether a file is the user's: neither ours, nor Python's, nor one of a package."""
    theirs = (Path(__file__).parent, Path(sysconfig.get_path("stdlib")))
    installed = {"site-packages", "dist-packages"} & {*file.parts}
    return not installed and not any(file.is_relative_to(each) for each in theirs)


def said_by(error: Exception) -> str:
    """The kind of an error, and what it says."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def cure_of_missing(missing: str, beside: Path) -> str:
    """What to do about a missing module that a file imports: installing helps only for others'."""
    package, _, last = missing.rpartition(".")
    top = package.partition(".")[0]
    theirs = top in beside.parts or (beside / top).is_dir()
    where = beside if top in {"", *beside.parts} else beside.joinpath(*package.split("."))
    known = {each.stem for each in where.glob("*")}
    if near := get_close_matches(last, known, 1, LIKE):
        return f", but {near[0]} is: correct that import"
    return ": correct that import" if package and theirs else ": correct that import, or install it"

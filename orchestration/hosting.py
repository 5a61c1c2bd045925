"""The public `App`: in a worker process of `dramatiq` it serves itself."""

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath

from typing_extensions import override

from orchestration import definitions
from orchestration.errors import ConfigurationError

OWN_FLEET = "actors"
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

    A module that makes one can be given to `dramatiq` as it is: in a process of that command the
    app's actors are declared on RabbitMQ. Everywhere else it is a value and does nothing.

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
        ConfigurationError: There is no such module, or it has no app.
    """
    if (module_name := module_meant(name)) != name:
        raise ConfigurationError(
            f"app {name}: write {module_name}, the name of a module alone; its App is named app"
        )
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"app {name}: {cure_of(name, error)}") from None
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
    """The module that is meant by `shop`, and by `shop:app`, `shop.py` or `./shop.py`."""
    file = name.partition(":")[0]
    path = PurePath(file.removesuffix(".py"))
    if file == name and path.name == name:
        return name
    return path.name if path.is_absolute() else ".".join(path.parts)


def cure_of(name: str, error: ModuleNotFoundError) -> str:
    """What to do about an app whose module, or one that it needs, cannot be imported."""
    if error.name is None or name.startswith(error.name):
        return f"no module named {error.name or name} is here: {CD}; or {NAME_ANOTHER}"
    if name == OWN_FLEET:
        return (
            f"the fleet on board needs {error.name}: where you mean an app of your own, set"
            " ORCHESTRATION_APP to its module; else pip install 'fleet-orchestration[trading]'"
        )
    return f"it needs {error.name}: install it here"

"""The public `App`: in a worker process of `dramatiq` it serves itself."""

import sys
from dataclasses import dataclass
from importlib import import_module

from typing_extensions import override

from orchestration import definitions
from orchestration.errors import ConfigurationError

OWN_FLEET = "actors"


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
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"ORCHESTRATION_APP={name}: {cure_of(name, error)}") from None
    app = getattr(module, "app", None)
    if not isinstance(app, definitions.App):
        raise ConfigurationError(f"ORCHESTRATION_APP={name}: the module has no `app = App(...)`")
    return app


def cure_of(name: str, error: ModuleNotFoundError) -> str:
    """What to do about a module that cannot be imported."""
    if error.name is None or name.startswith(error.name):
        return "name a module that can be imported from here"
    if name == OWN_FLEET:
        return f"it needs {error.name}: pip install 'fleet-orchestration[trading]'"
    return f"it needs {error.name}: install it here"

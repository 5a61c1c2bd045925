"""Which controller the settings ask for."""

from importlib import import_module

from actors.discovery.controller import Controller
from actors.discovery.own_workers import OwnWorkers
from orchestration import settings
from orchestration.errors import ConfigurationError
from orchestration.settings import Settings

LOG = "discovery.log"


def configured_controller() -> Controller:
    """RQ's workers where REDIS_URL is set, else the fleet's own.

    Raises:
        ConfigurationError: A setting is wrong, or RQ is not installed.
    """
    found = settings.load()
    return OwnWorkers() if found.redis_url is None else rq_controller(found)


def rq_controller(found: Settings) -> Controller:
    """The controller of RQ's workers, whose library is an extra."""
    try:
        rq = import_module("actors.discovery.rq_controller")
    except ModuleNotFoundError:
        raise ConfigurationError(
            "REDIS_URL is set, and RQ is missing: pip install 'fleet-orchestration[rq]'"
        ) from None
    services = import_module("actors.discovery.service")
    if found.discovery_hook:
        service = services.Hook(found.discovery_hook)
    elif found.discovery_command:
        log = found.orchestration_home.absolute() / LOG
        service = services.Subprocess(found.discovery_command, log)
    else:
        service = services.Platform()
    url = found.redis_url.get_secret_value() if found.redis_url else ""
    controller: Controller = rq.RqController(url, found.discovery_queue, service)
    return controller

"""The controller that the settings ask for."""

from importlib import import_module

from actors.discovery.controller import Controller
from actors.discovery.own_workers import OwnWorkers
from orchestration import settings
from orchestration.errors import ConfigurationError
from orchestration.text import adding


def configured_controller() -> Controller:
    """RQ's workers where REDIS_URL is set, else the fleet's own.

    Raises:
        ConfigurationError: A setting is wrong, or RQ, which is an extra, is not installed.
    """
    found = settings.load()
    if found.redis_url is None:
        return OwnWorkers()
    try:
        rq = import_module("actors.discovery.rq_controller")
    except ModuleNotFoundError:
        raise ConfigurationError(f"REDIS_URL is set, and RQ is missing: {adding('rq')}") from None
    url = found.redis_url.get_secret_value()
    controller: Controller = rq.RqController(url, found.discovery_queue, rq.service_of(found))
    return controller

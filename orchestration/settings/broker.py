"""RabbitMQ's URL: the usual port of each scheme, and the name of the place."""

from urllib.parse import urlsplit

PORTS = {"amqp": 5672, "amqps": 5671}


def place_of(url: str) -> str:
    """The URL without user and password, its port written out: processes compare by it."""
    parts = urlsplit(url)
    vhost = parts.path.removeprefix("/") or "%2F"
    return f"{parts.scheme}://{parts.hostname}:{parts.port or PORTS[parts.scheme]}/{vhost}"

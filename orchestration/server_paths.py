"""The paths of what has a name on a server."""

from urllib.parse import quote

from orchestration.errors import NotFoundError

NO_NAMES = {"", ".", ".."}


def path_of(name: str, noun: str = "workflows") -> str:
    """The path of a run, or of something else with a name, on a server.

    Args:
        name: Its name; that of a run is its id.
        noun: What it is, in the plural, as the server and the command line call it.

    Raises:
        NotFoundError: Nothing can have this name: a path would lead elsewhere with it.
    """
    if name in NO_NAMES:
        cure = f"`orchestrate {noun} list` shows them"
        raise NotFoundError(f"no {noun} are called {name!r}: {cure}")
    return f"/{noun}/{quote(name, safe='')}"

"""A receiver of webhooks that works, fails, hangs, dribbles or redirects, as its path says.

Alerts about `poison` it always refuses (`picky`), or fails on (`chokes`).
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

SECRET = "T0K3N-abcdefgh"  # noqa: S105 - of these tests only


class Handler(BaseHTTPRequestHandler):
    """Answers as its path says, and keeps what it was sent."""

    heard: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        content = json.loads(body)
        self.heard.append((self.path, content))
        bad = content.get("subject") == "poison"
        match self.path.split("/")[1]:
            case "fails":
                self.send_response(500)
            case "picky" if bad:
                self.send_response(400)
            case "chokes" if bad:
                self.send_response(503)
            case "redirects":
                self.send_response(307)
                self.send_header("Location", f"/elsewhere/{SECRET}")
            case "hangs":
                self.server.released.wait(30)  # type: ignore[attr-defined]
                return
            case "dribbles":
                while not self.server.released.wait(0.05):  # type: ignore[attr-defined]
                    self.wfile.write(b"H")
                return
            case _:
                self.send_response(204)
        self.end_headers()

    def log_message(self, *_args: Any) -> None: ...


class Server(ThreadingHTTPServer):
    """A receiver of webhooks on a port of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        Handler.heard = []
        self.released = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, path: str) -> str:
        return f"http://user:{SECRET}@127.0.0.1:{self.server_port}/{path}/{SECRET}?key={SECRET}"

    def heard(self, path: str) -> list[dict[str, Any]]:
        return [body for where, body in Handler.heard if where.split("/")[1] == path]

    def handle_error(self, request: Any, client_address: Any) -> None: ...


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()

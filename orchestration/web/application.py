"""The application: every route behind one guard, one authenticator and one way to tell errors."""

from fastapi import FastAPI

from orchestration.runtime.running import release
from orchestration.web import api, health, metrics, pages, problems, reference
from orchestration.web.authentication import Authenticator
from orchestration.web.broadcast import Broadcast
from orchestration.web.console import Console
from orchestration.web.guard import Guard
from orchestration.web.limits import Shares
from orchestration.web.openapi import describe
from orchestration.web.readable import ReadableJson
from orchestration.web.traced import Traced

ABOUT = """\
Everything that `orchestrate` does, over HTTP. Errors are `application/problem+json`, each says what
to do. On this machine no token is needed; elsewhere send `Authorization: Bearer TOKEN`.
"""


def create_app(console: Console) -> FastAPI:
    """The ASGI application over a console."""
    app = FastAPI(
        title="fleet-orchestration",
        version=release(),
        description=ABOUT,
        default_response_class=ReadableJson,
        docs_url=None,
        generate_unique_id_function=lambda route: route.name,
        redoc_url=None,
    )
    authenticator = Authenticator(console)
    app.state.console, app.state.authenticator = console, authenticator
    app.state.streams = Shares(console.limits.streams)
    app.state.readiness = health.Readiness(console)
    app.state.broadcast = Broadcast(console.opened.store, console.clock)
    problems.install(app, pages.render_problem)
    for router in (health.router, metrics.router, api.router, reference.router, pages.router):
        app.include_router(router)
    describe(app, console.app)
    app.add_middleware(Traced)
    app.add_middleware(
        Guard,
        limits=console.limits,
        monotonic=console.clock.monotonic,
        is_open=authenticator.is_open,
    )
    return app

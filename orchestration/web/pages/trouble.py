"""Errors as pages: what is wrong, what to do, and the way back."""

from urllib.parse import urlencode

from fastapi import Request, Response

from orchestration.errors import OrchestrationError
from orchestration.web.authentication import authenticator_of, console_of
from orchestration.web.pages.visit import Visit
from orchestration.web.problems import Problem, Refusal

PROGRAMS = ("/orchestration", "/metrics", "/health", "/openapi.json", "/static")
UNAUTHORIZED = 401


def render_problem(request: Request, problem: Problem) -> Response | None:
    """An error as a page; None if the client is a program."""
    if request.url.path.startswith(PROGRAMS):
        return None
    if "text/html" not in request.headers.get("accept", ""):
        return None
    visit = visit_of(request)
    if problem.status == UNAUTHORIZED:
        after = visit.path if request.method == "GET" else "/"
        return visit.go(f"/login?{urlencode({'next': after})}")
    answer = visit.page("problem.html", problem.status, problem=problem)
    answer.headers.update(problem.headers)
    return answer


def visit_of(request: Request) -> Visit:
    """The visit that went wrong; it has an actor if one is known and the store answers."""
    console = console_of(request)
    try:
        actor = authenticator_of(request).actor(request)
        console.read(lambda session: session.one("SELECT 1"))
    except (Refusal, OrchestrationError):
        actor = None
    return Visit(request, console, actor)

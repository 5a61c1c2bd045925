"""The dashboard: pages for people, rendered here, without any request to another site."""

from fastapi import APIRouter, Request, Response

from orchestration.web.problems import Problem

router = APIRouter(include_in_schema=False)


def render_problem(request: Request, problem: Problem) -> Response | None:
    """An error as a page; None where a program is asking."""
    del request, problem
    return None

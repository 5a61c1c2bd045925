"""Errors as `application/problem+json`: what is wrong, what to do, and never where in our code."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from orchestration.errors import (
    BrokerError,
    InDoubtError,
    OrchestrationError,
    OverloadedError,
    RejectedError,
    StoreError,
)
from orchestration.problem_kinds import kind_of, members
from orchestration.web.readable import ReadableJson

log = logging.getLogger(__name__)

JSON = "application/json"
MEDIA_TYPE = "application/problem+json"
SOON_S = 5
METHOD_NOT_ALLOWED = 405
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
NOWHERE = "nothing is at this address: /docs lists everything that there is"
SEND_JSON = "send a JSON object, with `Content-Type: application/json`"
NO_BODY = ("body: Field required",)
NOTHING_SENT = "nothing was sent"
NOT_READ = "this is not what is read here"
NO_JSON = {"json_invalid", "model_attributes_type", "model_type"}
UNEXPECTED = "this is a bug of ours, or of the app: the log of the web process tells more"
Renderer = Callable[[Request, "Problem"], Response | None]


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as the client is told of it.

    Attributes:
        detail: What is wrong, and what to do.
        problems: One sentence for each thing that is wrong, where there are several.
        headers: Headers of the answer, such as `Retry-After`.
        more: The kind of the error in a word, and its details, where a program can use them.
    """

    status: int
    detail: str
    problems: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def as_json(self) -> dict[str, Any]:
        """The members that RFC 9457 names, `problems`, and those of the error's kind."""
        found: dict[str, Any] = {"type": "about:blank", "title": self.title}
        found |= {"status": self.status, "detail": self.detail, **self.more}
        return found | ({"problems": list(self.problems)} if self.problems else {})

    def response(self) -> ReadableJson:
        """The answer for programs."""
        return ReadableJson(
            self.as_json(), self.status, headers=dict(self.headers), media_type=MEDIA_TYPE
        )


class Refusal(Exception):  # noqa: N818 - it is what the web part itself refuses
    """A request that is refused before anything is done for it."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(status, detail, headers=headers or {})


def install(app: FastAPI, render: Renderer) -> None:
    """Answer every error as a problem.

    Args:
        app: The application whose errors are answered.
        render: Makes a page for a person instead; None if the client is a program.
    """

    def answer(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        if problem.problems == NO_BODY:
            what = NOT_READ if has_body(request) else NOTHING_SENT  # `null` counts as a body
            said = f"body: {what}; {SEND_JSON}, such as {example(request)}"
            problem = replace(problem, detail=said, problems=(said,))
        if problem.status == METHOD_NOT_ALLOWED:
            problem = replace(problem, headers={"Allow": ", ".join(methods(request))})
        return render(request, problem) or problem.response()

    for kind in (OrchestrationError, Refusal, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer)


def has_body(request: Request) -> bool:
    """Whether something was sent with a request."""
    length = request.headers.get("content-length", "0")
    return length != "0" or "transfer-encoding" in request.headers


def methods(request: Request) -> list[str]:
    """The methods that a path allows, over all of its routes."""
    return [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


def example(request: Request) -> str:
    """A body that the route of a request takes, as the description of the API shows it."""
    described = request.app.openapi()
    path = request.scope["path"]  # itself the route's: where a body is needed, no part varies
    operation = described["paths"][path][request.method.lower()]
    schema = operation["requestBody"]["content"][JSON]["schema"]
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return json.dumps(schema["examples"][0])


def problem_of(error: Exception) -> Problem:
    """The problem that the client is told for an error."""
    match error:
        case Refusal():
            return error.problem
        case RequestValidationError():
            found = tuple(map(sentence, error.errors()))
            return Problem(422, "; ".join(found), found)
        case HTTPException(status_code=404, detail="Not Found"):
            return Problem(404, NOWHERE)
        case HTTPException():
            return Problem(error.status_code, str(error.detail), headers=error.headers or {})
        case OrchestrationError():
            return of_ours(error)
        case _:
            log.error("a request failed", exc_info=error)
            return Problem(500, UNEXPECTED)


def of_ours(error: OrchestrationError) -> Problem:
    """The problem for an error that orchestration raised on purpose."""
    kind, after = kind_of(error), wait_after(error)
    status = kind.status if kind else 500
    problems = error.problems if isinstance(error, RejectedError) else ()
    several = problems if len(problems) > 1 else ()
    headers = {} if after is None else {"Retry-After": f"{after:.0f}"}
    return Problem(status, str(error), several, headers, members(error))


def wait_after(error: OrchestrationError) -> float | None:
    """The seconds after which to repeat what met an error; None: it must not just be repeated.

    Nothing was done then, or, by a route of several commits, a part that is not done twice.
    """
    if isinstance(error, OverloadedError):
        return error.retry_after
    again = isinstance(error, BrokerError | StoreError) and not isinstance(error, InDoubtError)
    return SOON_S if again else None


def sentence(problem: Mapping[str, Any]) -> str:
    """One thing that is wrong with a request, without the given value."""
    place = ".".join(str(part) for part in problem["loc"])
    if problem["loc"][0] == "body" and problem["type"] in NO_JSON:
        why = f": {problem['ctx']['error']}" if problem["type"] == "json_invalid" else ""
        return f"{place}: {NOT_READ}{why}; {SEND_JSON}"
    return f"{place}: {problem['msg']}"

"""`/login` and `/logout`; and the choice of colours, which needs no login."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from orchestration.web import csrf
from orchestration.web.authentication import Authenticator, authenticator_of, caller_of
from orchestration.web.csrf import SESSION_COOKIE
from orchestration.web.pages.visit import (
    THEME_COOKIE,
    THEMES,
    Filled,
    Looking,
    Passing,
    own_path,
    text_of,
)
from orchestration.web.problems import Refusal

router = APIRouter()

A_YEAR_S = 365 * 24 * 3600
Meant = Depends(csrf.check)


@router.get("/login")
def entrance(
    visit: Passing, authenticator: Annotated[Authenticator, Depends(authenticator_of)]
) -> Response:
    """The page that asks for a token."""
    after = own_path(visit.request.query_params.get("next", "/"))
    return visit.page("login.html", after=after, problem=authenticator.problem(visit.request))


@router.post("/login", dependencies=[Meant])
def log_in(
    visit: Passing, form: Filled, authenticator: Annotated[Authenticator, Depends(authenticator_of)]
) -> Response:
    """Open a session for the holder of a token."""
    after = own_path(text_of(form, "next"))
    try:
        cookie = authenticator.log_in(text_of(form, "token"), caller_of(visit.request))
    except Refusal as refusal:
        problem = refusal.problem
        answer = visit.page("login.html", problem.status, after=after, problem=problem.detail)
        answer.headers.update(problem.headers)
        return answer
    answer = visit.go(after)
    csrf.set_cookie(visit.request, answer, SESSION_COOKIE, cookie)
    return answer


@router.post("/logout")
def log_out(
    visit: Looking, authenticator: Annotated[Authenticator, Depends(authenticator_of)]
) -> Response:
    """End the session, here and in the store."""
    request: Request = visit.request
    if cookie := request.cookies.get(SESSION_COOKIE):
        authenticator.log_out(cookie)
    answer = visit.go("/login")
    answer.delete_cookie(SESSION_COOKIE, path="/")
    return answer


@router.post("/theme", dependencies=[Meant])
def choose(visit: Passing, form: Filled) -> Response:
    """Keep the choice of colours in this browser."""
    chosen = text_of(form, "theme")
    answer = visit.go(own_path(text_of(form, "back")))
    if chosen in THEMES:
        secure = csrf.is_encrypted(visit.request)
        answer.set_cookie(
            THEME_COOKIE, chosen, max_age=A_YEAR_S, httponly=True, samesite="lax", secure=secure
        )
    else:
        answer.delete_cookie(THEME_COOKIE, path="/")
    return answer

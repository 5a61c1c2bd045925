"""Protection against forged requests: a change by a browser must come from a page of this server.

A page's forms carry a token that only this server can make of the visit's cookie. Other sites can
have the browser send the cookie, but can read neither the cookie nor the page.
"""

import hashlib
import hmac
import re
import secrets

from fastapi import Request, Response

from orchestration.web.problems import SEND_JSON, Refusal, has_body

SESSION_COOKIE = "orchestration_session"
VISIT_COOKIE = "orchestration_visit"
FIELD, HEADER = "csrf_token", "x-csrf-token"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
JSON = re.compile(r"application/([^/]+\+)?json")
API = "/orchestration/"
UNSUPPORTED = 415
STALE = "this page is out of date: load it again, and repeat"


def token_of(request: Request, response: Response) -> str:
    """The token for the forms of a page; a browser without a session gets a cookie for it."""
    cookie = cookie_of(request)
    if cookie is None:
        cookie = request.state.visit = secrets.token_urlsafe(32)
        set_cookie(request, response, VISIT_COOKIE, cookie)
    return made_of(cookie)


def cookie_of(request: Request) -> str | None:
    """The cookie that the token is made of: the session's, or else the visit's."""
    kept = getattr(request.state, "visit", None)
    return kept or request.cookies.get(SESSION_COOKIE) or request.cookies.get(VISIT_COOKIE)


def made_of(cookie: str) -> str:
    """The token that belongs to a cookie."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest()


def bearer_of(request: Request) -> str | None:
    """The bearer token of a request; no browser sends one by itself, as it does with a cookie."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def require_json(request: Request) -> None:
    """Refuse a body for the API that is no JSON: no form of any site can send that.

    With a token an empty body is none, whatever kind is stated: many programs state one with each
    POST. Without one it may be an empty form of another site.

    Raises:
        Refusal: It is something else, or of no stated kind.
    """
    kind = kind_of(request)
    is_body = has_body(request) or (bool(kind) and bearer_of(request) is None)
    if is_body and request.url.path.startswith(API) and not JSON.fullmatch(kind):
        raise Refusal(UNSUPPORTED, f"body: {kind or 'of no kind'} is not read here; {SEND_JSON}")


def kind_of(request: Request) -> str:
    """The media type of a request's body; empty: none is stated."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def check(request: Request) -> None:
    """Refuse a change that a person was tricked into.

    Raises:
        Refusal: The request is a form or has a session's cookie, and lacks the right token.
    """
    if bearer_of(request) is not None:
        return
    is_form = kind_of(request) in FORMS
    if not is_form and SESSION_COOKIE not in request.cookies:
        return
    given = request.headers.get(HEADER)
    if given is None and is_form:
        field = (await request.form()).get(FIELD)
        given = field if isinstance(field, str) else None
    cookie = cookie_of(request)
    if cookie is None or given is None or not is_same(given, made_of(cookie)):
        raise Refusal(403, STALE)


def is_same(given: str, wanted: str) -> bool:
    """Whether two tokens are the same, in a time that reveals nothing of them."""
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """Give the browser a cookie that no script reads and no other site sends."""
    response.set_cookie(
        name, value, httponly=True, samesite="lax", secure=is_encrypted(request), path="/"
    )


def is_encrypted(request: Request) -> bool:
    """Whether the browser speaks TLS, with us or with a proxy before us."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))

"""Authentication: by a token, by a session that a token opened, or as this machine itself."""

import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from orchestration.desk.tokens import RELEASES, Role, digest_of
from orchestration.engine.by import By
from orchestration.ports import Session
from orchestration.store import tokens
from orchestration.web import csrf
from orchestration.web.console import Console
from orchestration.web.limits import Buckets
from orchestration.web.problems import Refusal

SESSION_FOR = timedelta(hours=12)
BY_ENVIRONMENT, BY_PLACE = "environment", "loopback"
FORWARDED = ("forwarded", "via", "x-real-ip")
FORWARDED_AS = "x-forwarded-"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CHALLENGE = {"WWW-Authenticate": "Bearer"}
UNKNOWN = "this token opens nothing: `orchestrate tokens add` makes one that does"
NOBODY = "say who you are: send `Authorization: Bearer TOKEN`, or log in"
PASSED_ON = (
    "this comes through a proxy on this machine ({0}), so nobody knows from whom: behind one, start"
    " the server with a token (`export ORCHESTRATION_API_TOKEN=$(openssl rand -hex 32)`), or"
    " make one with `orchestrate tokens add`, and send `Authorization: Bearer TOKEN`"
)


@dataclass(frozen=True, slots=True)
class Actor:
    """The authenticated sender of a request.

    Attributes:
        name: The token's name, `environment`, or `loopback` for a person at this machine.
        role: The role, which says what the actor may do.
        known: Whether a token tells the actor from others.
    """

    name: str
    role: Role
    known: bool = True

    @property
    def sender(self) -> str:
        """The sender of the runs that the actor starts: the scope of idempotency keys."""
        return f"http:{self.name}"

    def by(self, reason: str = "") -> By:
        """The actor and a reason, for the audit."""
        return By(self.sender, reason, bound=self.known)


class Authenticator:
    """Authenticates requests, and limits how often an address may guess tokens.

    Args:
        console: Has the store with the tokens.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        given = console.settings.orchestration_api_token
        self._own = None if given is None else digest_of(given.get_secret_value())
        failures = console.limits.failures
        self._guesses = Buckets(failures / 60, failures, console.clock.monotonic)

    @property
    def is_open(self) -> bool:
        """Whether requests from this machine need no token."""
        return self._own is None

    def actor(self, request: Request) -> Actor:
        """The actor of a request.

        Raises:
            Refusal: The actor cannot be known, or its address has been guessing.
        """
        if token := csrf.bearer_of(request):
            return self.by_token(token, caller_of(request))
        cookie = request.cookies.get(csrf.SESSION_COOKIE)
        if cookie and (found := self.by_session(cookie)):
            return found
        problem = self.problem(request)
        if self.is_open and not problem and is_loopback(caller_of(request)):
            return Actor(BY_PLACE, Role.ADMIN, known=False)
        raise Refusal(401, problem or NOBODY, CHALLENGE)

    def problem(self, request: Request) -> str:
        """Why a request without a token is not taken as this machine's: a proxy passed it on."""
        proxy = proxy_of(request) if self.is_open and is_loopback(caller_of(request)) else None
        return "" if proxy is None else PASSED_ON.format(proxy)

    def by_token(self, token: str, caller: str) -> Actor:
        """The actor of a token.

        Raises:
            Refusal: The token is unknown, or the caller has been guessing.
        """
        if seconds := self._guesses.wait(caller):
            raise Refusal(
                429, "too many wrong tokens came from here: wait", {"Retry-After": f"{seconds:.0f}"}
            )
        digest = digest_of(token)
        found = self._console.read(lambda s: self._whose(s, digest))
        if found is None:
            self._guesses.take(caller)
            raise Refusal(401, UNKNOWN, CHALLENGE)
        return found

    def by_session(self, cookie: str) -> Actor | None:
        """The actor of a session; None: the session is over."""
        now = self._console.clock.now()

        def look(session: Session) -> Actor | None:
            token = tokens.of_session(session, digest_of(cookie), now)
            return None if token is None else self._whose(session, token)

        return self._console.read(look)

    def log_in(self, token: str, caller: str) -> str:
        """Open a session for the holder of a token, and return the cookie's value.

        Raises:
            Refusal: The token is unknown, or the caller has been guessing.
        """
        self.by_token(token, caller)
        cookie, now = secrets.token_urlsafe(32), self._console.clock.now()
        self._console.opened.store.write(
            lambda s: tokens.open_session(
                s, digest_of(cookie), digest_of(token), now, now + SESSION_FOR
            )
        )
        return cookie

    def log_out(self, cookie: str) -> None:
        """End a session."""
        self._console.opened.store.write(lambda s: tokens.close_session(s, digest_of(cookie)))

    def _whose(self, session: Session, digest: str) -> Actor | None:
        if self._own is not None and secrets.compare_digest(digest, self._own):
            return Actor(BY_ENVIRONMENT, Role.ADMIN)
        row = tokens.of_digest(session, digest)
        return None if row is None else Actor(row.name, Role(row.role))


def authenticator_of(request: Request) -> Authenticator:
    """The authenticator of the app that a request came to."""
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


def console_of(request: Request) -> Console:
    """The console of the app that a request came to."""
    console: Console = request.app.state.console
    return console


def needs(role: Role) -> Callable[[Request], Awaitable[Actor]]:
    """A dependency: the actor of a request, if its role covers the one that is needed.

    A change that a browser could be made to ask for must carry a CSRF token, and the API reads
    JSON alone.
    """

    async def asking(request: Request) -> Actor:
        actor = await run_in_threadpool(authenticator_of(request).actor, request)
        if request.method not in SAFE:
            csrf.require_json(request)
            await csrf.check(request)
        if not actor.role.covers(role):
            raise Refusal(
                403, f"{actor.name} is a {actor.role}, this needs {role}: ask for such a token"
            )
        return actor

    return asking


def caller_of(request: Request) -> str:
    """The address that a request came from."""
    return request.client.host if request.client else "unknown"


def proxy_of(request: Request) -> str | None:
    """The header or version that shows that a proxy has passed a request on; None: none does.

    Browsers and programs of today ask in HTTP/1.1; nginx by default asks in 1.0, and adds no
    header. A proxy that shows neither cannot be told from a person at this machine.
    """
    names = request.headers.keys()
    told = [each for each in names if each in FORWARDED or each.startswith(FORWARDED_AS)]
    version = request.scope["http_version"]
    return told[0] if told else f"HTTP/{version}" if version == "1.0" else None


def is_loopback(host: str) -> bool:
    """Whether an address or a name means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


TheConsole = Annotated[Console, Depends(console_of)]
Viewer = Annotated[Actor, Depends(needs(Role.VIEWER))]
Operator = Annotated[Actor, Depends(needs(Role.OPERATOR))]
Approver = Annotated[Actor, Depends(needs(Role.APPROVER))]
Releaser = Annotated[Actor, Depends(needs(RELEASES))]
Admin = Annotated[Actor, Depends(needs(Role.ADMIN))]

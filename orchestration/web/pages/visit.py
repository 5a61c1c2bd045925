"""One request of a person: the actor, the console that it works on, and how it is answered."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import AfterValidator
from starlette.datastructures import FormData, QueryParams

from orchestration.context import storable
from orchestration.desk.approvals import Question
from orchestration.desk.tokens import RELEASES, Role
from orchestration.ports import Session
from orchestration.store import approvals, control, stops
from orchestration.views.error import one_line
from orchestration.web import csrf
from orchestration.web.authentication import Actor, TheConsole, console_of, needs
from orchestration.web.console import Console
from orchestration.web.pages import words
from orchestration.web.pages.value import shown
from orchestration.web.problems import NOWHERE, Refusal

THEME_COOKIE = "orchestration_theme"
THEMES = ("light", "dark")
SEE_OTHER = 303
MOST_COUNTED = 100
LARGEST_ID = 2**63 - 1

TEMPLATES = Environment(
    loader=PackageLoader("orchestration.web.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
WORDS = (
    "ago",
    "coded",
    "compact",
    "count",
    "iso",
    "moment",
    "named",
    "parsed",
    "percent",
    "plain",
    "plural",
    "pretty",
    "size",
    "spaced",
    "span",
)
TEMPLATES.filters |= {name: getattr(words, name) for name in WORDS}
TEMPLATES.filters |= {"one_line": one_line, "shown": shown}


class Visit:
    """A request of a person.

    Args:
        request: The request.
        console: The console that it works on.
        actor: The actor; None: not known yet.
    """

    def __init__(self, request: Request, console: Console, actor: Actor | None) -> None:
        self.request = request
        self.console = console
        self.actor = actor
        self.now = console.clock.now()

    def may(self, role: str) -> bool:
        """Whether the actor has a role: a page shows only the buttons that the actor may press."""
        return self.actor is not None and self.actor.role.covers(Role(role))

    def owns(self, asked: Question) -> bool:
        """Whether the waiting run is the actor's own: then another person must answer."""
        return self.actor is not None and self.actor.by().owns(asked.causers)

    @property
    def may_release(self) -> bool:
        """Whether the actor may release an emergency stop."""
        return self.may(RELEASES)

    @property
    def who(self) -> Actor:
        """The actor, on a page that needs one."""
        if self.actor is None:
            raise AssertionError("every page but the entrance knows who asks")
        return self.actor

    @property
    def path(self) -> str:
        """The path of the page, its filters included."""
        query = self.request.url.query
        return f"{self.request.url.path}?{query}" if query else self.request.url.path

    @property
    def query(self) -> QueryParams:
        """The parameters of the address, as texts that every store takes."""
        return QueryParams([(k, storable(v)) for k, v in self.request.query_params.multi_items()])

    @property
    def theme(self) -> str:
        """The colours that were chosen; empty: those of the system."""
        chosen = self.request.cookies.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else ""

    def with_query(self, **changes: str | None) -> str:
        """The address of this page with other filters; None takes one out."""
        kept = [(k, v) for k, v in self.request.query_params.multi_items() if k not in changes]
        kept += [(name, value) for name, value in changes.items() if value]
        return f"{self.request.url.path}?{urlencode(kept)}" if kept else self.request.url.path

    def page(self, template: str, status: int = 200, **content: Any) -> Response:
        """A page, with the frame around it."""
        cookies = Response()
        token = csrf.token_of(self.request, cookies)
        text = TEMPLATES.get_template(template).render(
            visit=self,
            now=self.now,
            csrf_token=token,
            frame=self.console.read(framed) if self.actor is not None else None,
            did=self.request.query_params.get("did", ""),
            **content,
        )
        answer = HTMLResponse(text.encode(errors="replace"), status)  # an agent may say anything
        answer.raw_headers += [each for each in cookies.raw_headers if each[0] == b"set-cookie"]
        return answer

    def go(self, path: str, did: str = "") -> Response:
        """A redirect after a change: loading the other page again repeats nothing."""
        if did:
            path += ("&" if "?" in path else "?") + urlencode({"did": did})
        return RedirectResponse(path, SEE_OTHER)


def framed(session: Session) -> dict[str, Any]:
    """What every page shows: an emergency stop, the number of waiting steps, the store's name."""
    last = stops.latest(session)
    holds = last is not None and last.released_at is None
    return {
        "stop": last if holds else None,
        "approvals": len(approvals.everything(session, MOST_COUNTED)),
        "store": control.name(session),
    }


def own_path(text: str) -> str:
    """A path of this console that a browser gave; `/` for anything else."""
    is_path = text.startswith("/") and not text.startswith("//")
    return text if is_path and "\\" not in text and text.isprintable() else "/"


def visiting(role: Role) -> Callable[..., Visit]:
    """A dependency: the visit of an actor who has a role."""

    def visit(
        request: Request, console: TheConsole, actor: Annotated[Actor, Depends(needs(role))]
    ) -> Visit:
        return Visit(request, console, actor)

    return visit


def passing(request: Request) -> Visit:
    """A dependency: the visit of a person who need not log in."""
    return Visit(request, console_of(request), None)


async def form_of(request: Request) -> FormData:
    """A dependency: what was filled in, as texts that every store takes."""
    found = (await request.form()).multi_items()
    return FormData([(k, storable(v) if isinstance(v, str) else v) for k, v in found])


def named(request: Request) -> None:
    """A dependency: the path has no character that a store would not take.

    Raises:
        Refusal: It has one.
    """
    if request.url.path != storable(request.url.path):
        raise Refusal(404, NOWHERE)


def text_of(form: FormData, name: str, longest: int = 1_000) -> str:
    """One text of a form, without the blanks around it."""
    value = form.get(name)
    return value.strip()[:longest] if isinstance(value, str) else ""


def texts_of(form: FormData, name: str) -> list[str]:
    """Every text of a form under a name."""
    return [value for value in form.getlist(name) if isinstance(value, str)]


Looking = Annotated[Visit, Depends(visiting(Role.VIEWER))]
Operating = Annotated[Visit, Depends(visiting(Role.OPERATOR))]
Approving = Annotated[Visit, Depends(visiting(Role.APPROVER))]
Releasing = Annotated[Visit, Depends(visiting(RELEASES))]
Administering = Annotated[Visit, Depends(visiting(Role.ADMIN))]
Passing = Annotated[Visit, Depends(passing)]
Filled = Annotated[FormData, Depends(form_of)]
Asked = Annotated[str, AfterValidator(storable)]
Before = Annotated[int, Query(ge=1, le=LARGEST_ID)]

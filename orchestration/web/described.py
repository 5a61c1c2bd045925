"""What the OpenAPI says of every operation: examples, and the problems that it may answer."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header, Path, Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from orchestration.engine.submit import LONGEST_KEY
from orchestration.web.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

NO_CONTROLS = r"^[^\x00-\x1f]*$"
RUN = "restock_0123456789ab"
SHOWN = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MOST_SHOWN = 100
EVERYWHERE = (400, 401, 403, 408, 413, 415, 421, 422, 429, 503)
MEANINGS: Mapping[int, str] = {
    400: "The body cannot be read: send JSON in UTF-8.",
    401: "Nobody knows who is asking: a token is missing or wrong.",
    403: "Who is asking may not do this, or a browser was tricked into it.",
    404: "There is nothing of this id or name.",
    408: "The body did not arrive in time.",
    409: "The state of things does not allow it now; the detail names the cure.",
    413: "The body is too large.",
    415: "The body is no JSON, or has no `Content-Type: application/json`.",
    421: "This host is served without a token, to its own machine alone.",
    422: "The input is wrong and will stay wrong.",
    429: "Too much: come again after `Retry-After` seconds.",
    503: "The store or RabbitMQ cannot be used now.",
}

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
KEY = re.compile(r"^[\x21-\x7e]+$")
KEY_SCHEMA: JsonDict = {"minLength": 1, "maxLength": LONGEST_KEY, "pattern": KEY.pattern}
NO_KEY = f"an idempotency key has 1 to {LONGEST_KEY} printable ASCII characters and no blanks"


def _text_of_moment(given: Any) -> Any:
    if isinstance(given, str) and RFC3339.fullmatch(given):
        return given
    raise ValueError("write a moment with its zone, such as 2026-01-31T06:30:00Z")


def _key(given: str) -> str:
    if KEY.fullmatch(given) and len(given) <= LONGEST_KEY:
        return given
    raise PydanticCustomError("key", NO_KEY)


Moment = Annotated[AwareDatetime, BeforeValidator(_text_of_moment)]
RunId = Annotated[str, Path(max_length=200, pattern=NO_CONTROLS, examples=[RUN])]
Name = Annotated[str, Path(max_length=200, pattern=NO_CONTROLS, examples=["nightly"])]
Number = Annotated[int, Path(ge=1, le=2**53, examples=[7])]
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many.")]
Cursor = Annotated[
    str | None,
    Query(max_length=500, pattern=NO_CONTROLS, description="`next` of the page before this one."),
]
Key = Annotated[
    Annotated[str, AfterValidator(_key), Field(json_schema_extra=KEY_SCHEMA)] | None,
    Header(
        alias="Idempotency-Key",
        description="The same key of the same token never starts a second run.",
    ),
]
Word = Annotated[str, Query(max_length=200, pattern=NO_CONTROLS)]
Text = Annotated[str, Field(max_length=200, pattern=NO_CONTROLS)]
Reason = Annotated[
    str, Field(max_length=1_000, pattern=NO_CONTROLS, description="Why, for the audit.")
]
Previewed = Annotated[
    StrictBool, Field(description="Tell what it would touch, and change nothing.")
]
Seen = Annotated[
    str | None,
    Field(
        max_length=100,
        description="`shown` of the preview; needed with a filter: no others are changed.",
    ),
]


class Body(BaseModel):
    """What a request may say; anything else is refused."""

    model_config = ConfigDict(extra="forbid")


def shown_as(example: Any) -> ConfigDict:
    """The configuration of a body with an example."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class Because(Body):
    """Why something is done."""

    model_config = shown_as({"reason": "wrong prices"})

    reason: Reason = ""


def because_of(because: Because | None) -> str:
    """The given reason; empty if there is none."""
    return because.reason if because else ""


def answers(example: Any, *problems: int, status: int = 200, **more: Any) -> Responses:
    """The answers of an operation: an example, and the problems that not every operation has."""
    good = {
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"example": example}},
        **more,
    }
    return {status: good, **told(problems)}


def told(problems: tuple[int, ...]) -> Responses:
    """Problems with their meanings."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        code: {
            "description": MEANINGS[code],
            "content": {MEDIA_TYPE: {"schema": schema, "example": example_of(code)}},
        }
        for code in problems
    }


def example_of(code: int) -> dict[str, Any]:
    """A problem as it may look."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": MEANINGS[code],
    }

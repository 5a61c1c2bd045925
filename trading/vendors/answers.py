"""The common parts of all vendors' answers: the status, and JSON of an agreed shape."""

from datetime import timedelta
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from trading.errors import (
    VendorAnswerError,
    VendorDownError,
    VendorError,
    VendorKeyError,
    VendorLimitError,
)
from trading.vendors.vendor import Answer

SHORT_COOLDOWN = timedelta(minutes=1)
_OK, _UNAUTHORISED, _FORBIDDEN, _TOO_MANY, _SERVER_ERRORS = 200, 401, 403, 429, 500
_MOST_SHOWN = 60

Shape = TypeVar("Shape", bound=BaseModel)


def refusal(source: str, answer: Answer, cure: str) -> VendorError | None:
    """Return the error that a status stands for; None: it is 200.

    Args:
        source: The vendor.
        answer: What came back.
        cure: What to do about a 401 or 403.
    """
    status = answer.status
    if status == _OK:
        return None
    if status in {_UNAUTHORISED, _FORBIDDEN}:
        return VendorKeyError(source, f"it refuses us ({status}): {cure}")
    if status == _TOO_MANY:
        wait = SHORT_COOLDOWN if answer.retry_after is None else answer.retry_after
        return VendorLimitError(source, f"too many requests ({status})", wait)
    if status >= _SERVER_ERRORS:
        return VendorDownError(source, f"it failed by itself ({status})")
    return VendorAnswerError(source, f"it answered with the status {status}")


def decoded(source: str, shape: type[Shape], answer: Answer) -> Shape:
    """Return the body as the shape.

    Raises:
        VendorAnswerError: The body is a page for people, no JSON, or JSON of another shape.
    """
    if "html" in answer.content_type.lower() or answer.body.lstrip()[:1] == b"<":
        problem = "it answered with a page for people instead of JSON, as it does to robots"
        raise VendorAnswerError(source, problem)
    try:
        return shape.model_validate_json(answer.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:_MOST_SHOWN] or "its whole"
        if first["type"] == "json_invalid":
            raise VendorAnswerError(source, "its answer is no JSON") from None
        problem = f"its answer has another shape than agreed: {place!r}: {first['msg']}"
        raise VendorAnswerError(source, problem) from None

"""The client's side of HTTP: requests to a server, its refusals, and its streams."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from orchestration.errors import (
    BrokerError,
    ConfigurationError,
    NotFoundError,
    OrchestrationError,
    OverloadedError,
    RejectedError,
    ServerError,
    StateError,
    StoreError,
)
from orchestration.patience import Patience
from orchestration.problem_kinds import error_of

PATIENCE_S = 30.0
SILENCE_S = 30.0
WRONG = {400, 413, 422}
CLOSED = {401, 403}
AWAY = {429, 502, 503, 504}  # by itself, or in the words of a proxy
ABSENCE = (ServerError, StoreError, BrokerError, OverloadedError)
KINDS: Mapping[int, type[OrchestrationError]] = {404: NotFoundError, 409: StateError}


class LapseError(Exception):
    """There is no answer for now: `error` tells why, and `after_s` when to ask again, if known."""

    def __init__(self, error: OrchestrationError, after_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.after_s = after_s


class Remote:
    """Connections to a server.

    Args:
        url: The server's address, such as `http://localhost:8080`.
        token: The API token; None: none is sent.
        patience: Makes the patience with a server that is away, given when it ends at the latest.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        patience: Callable[[float], Patience] = Patience,
    ) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.place = url.rstrip("/")
        self._patience = patience
        self._http = httpx.Client(
            base_url=f"{self.place}/orchestration", headers=headers, timeout=PATIENCE_S
        )

    def get(self, path: str, **parameters: Any) -> Any:
        """The server's answer to a GET; parameters that are None are left out.

        Raises:
            OrchestrationError: The server refuses, or cannot be reached.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._ask("GET", path, params=given)

    def wait_for(self, path: str, until: float = math.inf) -> Any:
        """The server's answer to a GET, across lost connections.

        Args:
            path: What is asked for.
            until: When to ask for the last time, in seconds of `time.monotonic`; default never.

        Raises:
            OrchestrationError: The server refuses, or cannot be reached for long.
        """
        patience = self._patience(until)
        while True:
            try:
                return self._answer("GET", path)
            except LapseError as lapse:
                patience.bear(lapse.error, lapse.after_s)

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """The server's answer to a POST, which with a key is done but once.

        Raises:
            OrchestrationError: The server refuses, or cannot be reached.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._ask("POST", path, json=body, headers=headers)

    def delete(self, path: str) -> None:
        """Have the server delete something.

        Raises:
            OrchestrationError: The server refuses, or cannot be reached.
        """
        self._ask("DELETE", path)

    def happening(self, path: str, after: int) -> Iterator[dict[str, Any]]:
        """The events of a stream after one of them, for ever, across lost connections.

        Raises:
            OrchestrationError: The server refuses, or cannot be reached for long.
        """
        return self._listen(path, after, lambda _: False)  # a run that has ended may be retried

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """The events of a stream, from its beginning to its end, across lost connections.

        Raises:
            OrchestrationError: The server refuses, or cannot be reached for long.
        """
        return self._listen(path, None, lambda last: self._is_over(path, last))

    def _listen(
        self, path: str, last: int | None, is_over: Callable[[int], bool]
    ) -> Iterator[dict[str, Any]]:
        """The events of a stream after one of them, until a stream has ended that was complete."""
        patience = self._patience(math.inf)
        while True:
            try:
                for name, data in self._stream(path, last):
                    patience.renew()
                    if name == "message":
                        last = data["id"]
                        yield data
                if is_over(last or 0):
                    return
            except LapseError as lapse:
                patience.bear(lapse.error, lapse.after_s)
            else:
                patience.renew()
                patience.rest()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            return self._answer(method, path, **more)
        except LapseError as lapse:
            raise lapse.error from None

    def _answer(self, method: str, path: str, **more: Any) -> Any:
        with self._reached():
            answer = self._http.request(method, path, **more)
        self._check(answer)
        if not answer.content and answer.is_success:
            return None
        if not answer.is_success or "json" not in answer.headers.get("content-type", ""):
            raise self._other(answer)
        return answer.json()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Turn the loss of a connection, or that there is none, into a lapse."""
        try:
            yield
        except httpx.TransportError as error:
            raise LapseError(self._away(error)) from None

    def _is_over(self, path: str, last: int) -> bool:
        """Whether a stream that ended was complete: then the server answers 204 to the next one."""
        headers = {"Last-Event-ID": str(last)}
        with self._reached(), self._http.stream("GET", path, headers=headers) as answer:
            return answer.status_code == httpx.codes.NO_CONTENT

    def _stream(self, path: str, last: int | None) -> Iterator[tuple[str, Any]]:
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        name, data = "message", ""
        with (
            self._reached(),
            self._http.stream("GET", path, headers=headers, timeout=SILENCE_S) as answer,
        ):
            if answer.is_error:
                answer.read()
                self._check(answer)
            if answer.status_code != httpx.codes.NO_CONTENT and not is_stream(answer):
                raise self._other(answer)
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data = value
                elif not line and data:
                    yield name, json.loads(data)
                    name, data = "message", ""
                elif line.startswith(":"):
                    yield "ping", None  # nothing has happened, and the connection is well

    def _away(self, error: httpx.TransportError) -> ServerError:
        why = str(error) or type(error).__name__
        if isinstance(error, httpx.ReadTimeout):
            return ServerError(
                f"{self.place} has not answered in {PATIENCE_S:.0f} seconds: what was asked of it"
                " may be done all the same; look before you repeat it"
            )
        return ServerError(
            f"cannot reach {self.place} ({why}): start `orchestrate serve` or `orchestrate web`"
            " there, or correct ORCHESTRATION_URL"
        )

    def _other(self, answer: httpx.Response) -> ServerError:
        """The error for an answer that is not our server's, such as a proxy's login page."""
        kind = answer.headers.get("content-type", "nothing").partition(";")[0]
        to = f", to {answer.headers['location']}" if "location" in answer.headers else ""
        return ServerError(
            f"{self.place} is no orchestration server, or a proxy answers for it"
            f" ({answer.status_code}, {kind}{to}): correct ORCHESTRATION_URL"
        )

    def _check(self, answer: httpx.Response) -> None:
        """Raise the error that the server's refusal stands for, as a lapse if it may soon pass."""
        if not answer.is_error:
            return
        error = refusal(answer, self.place)
        if answer.status_code in AWAY and isinstance(error, ABSENCE):
            after = answer.headers.get("retry-after", "")
            raise LapseError(error, float(after) if after.isdecimal() else 0.0)
        raise error


def refusal(answer: httpx.Response, place: str) -> OrchestrationError:
    """The error that the refusal of a server at a place stands for."""
    status = answer.status_code
    try:
        found = answer.json()
    except ValueError:
        found = None
    problem: Mapping[str, Any] = found if isinstance(found, dict) else {}
    detail = str(problem.get("detail") or f"{place} answers {status}")
    if (error := error_of(problem, detail)) is not None:
        return error  # all below is for what tells no kind: a proxy, or a server of 0.2.0
    if status in WRONG:
        return RejectedError(detail, problem.get("problems", ()))
    if status in CLOSED:
        return ConfigurationError(f"{detail} (ORCHESTRATION_API_TOKEN is what is sent)")
    return KINDS.get(status, ServerError)(detail)


def is_stream(answer: httpx.Response) -> bool:
    """Whether an answer is server-sent events."""
    kind: str = answer.headers.get("content-type", "")
    return answer.is_success and kind.startswith("text/event-stream")

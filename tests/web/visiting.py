"""A page as its reader sees it, and its forms as a browser sends them."""

from html.parser import HTMLParser

import httpx
from typing_extensions import override

from tests.web.browsing import Browser

VOID = {"meta", "link", "input", "br", "img", "path", "rect", "circle"}


class Page(HTMLParser):
    """What a page is made of.

    Attributes:
        elements: Every element with its attributes.
        forms: The hidden and other fields of each form, by its action.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: dict[str, dict[str, str]] = {}
        self._open: list[str] = []
        self._form: dict[str, str] | None = None
        self.feed(text)
        assert not self._open, f"left open: {self._open}"

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag == "form":
            self._form = self.forms.setdefault(found.get("action", ""), {})
        stands = found.get("type") != "checkbox" or "checked" in found
        if tag == "input" and self._form is not None and "name" in found and stands:
            self._form[found["name"]] = found.get("value", "")
        if tag not in VOID:
            self._open.append(tag)

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if tag not in VOID:
            assert self._open, f"</{tag}> of nothing"
            assert self._open.pop() == tag


HTML = {"accept": "text/html"}


def opened(browser: Browser, url: str) -> Page:
    answer = browser.get(url, headers=HTML)
    assert answer.status_code == 200, (url, answer.status_code, answer.text[-600:])
    return Page(answer.text)


def sent(browser: Browser, page: Page, action: str, **fields: str | None) -> httpx.Response:
    """A form of a page as a browser sends it, with some fields filled in, or None left out."""
    filled = {**page.forms[action], **fields}
    data = {name: value for name, value in filled.items() if value is not None}
    return browser.post(action, data=data, headers=HTML)

"""What `mkdocs` does to a page: files beside the pages are named where they are no page."""

import re

OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)#]+)(?:#[\w-]+)?\)")


def on_page_markdown(markdown: str, **_more: object) -> str:
    """The text of a page, without links that lead out of the site."""
    return OUTSIDE.sub(lambda link: named(link[1], link[2]), markdown)


def named(text: str, path: str) -> str:
    """What stands in the place of a link to a file of the project."""
    return text if path in text else f"{text} (`{path}`)"

"""Finds a run by the beginning of its id."""

import re

from orchestration.errors import NotFoundError
from orchestration.ports import Session
from orchestration.store import listings

MOST_NAMED = 5
TOO_SHORT = re.compile(r"(.+_)?[0-9a-f]{1,3}")


def run_named(session: Session, word: str) -> str:
    """The run id that begins with a word, or whose digits do; the word itself if there is none.

    A word needs four digits: a shorter one might be meant for something else.

    Raises:
        NotFoundError: Several ids begin with the word, or it has fewer digits.
    """
    if TOO_SHORT.fullmatch(word) and word not in listings.between(session, word, word + "_", 1):
        raise NotFoundError(
            f"no workflow {word}: write at least 4 digits of its id;"
            " `orchestrate workflows list` shows them"
        )
    found = listings.beginning_so(session, word, MOST_NAMED + 1)
    if word in found or not found:
        return word
    if len(found) > 1:
        more = ", …" if len(found) > MOST_NAMED else ""
        named = ", ".join(found[:MOST_NAMED])
        raise NotFoundError(f"several workflows begin with {word}: write more of {named}{more}")
    return found[0]

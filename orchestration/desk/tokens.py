"""Tokens: who may use the HTTP interface, and for what."""

import hashlib
import re
import secrets
from enum import StrEnum
from typing import Any

from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import NotFoundError, RejectedError
from orchestration.store import audit, tokens
from orchestration.store.tokens import TokenRow
from orchestration.views.times import iso

NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
OWN_NAMES = ("environment", "loopback")
PREFIX = "orc_"


class Role(StrEnum):
    """What somebody may do; each may also do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"

    def covers(self, other: "Role") -> bool:
        """Whether this role includes the other one."""
        order = list(Role)
        return order.index(self) >= order.index(other)


RELEASES = Role.APPROVER  # the role that may release an emergency stop


def digest_of(secret: str) -> str:
    """The digest of a token or a session's cookie: both are too random to be guessed from it."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def add(engine: Engine, name: str, role: Role, by: By) -> str:
    """Make a token, and return it: it is stored nowhere, and never shown again.

    Raises:
        RejectedError: The name is invalid, or taken.
    """
    if not NAME.fullmatch(name) or name in OWN_NAMES:
        raise RejectedError(
            f"token {name!r}: take 1 to 60 letters, digits, dots, dashes and underscores,"
            f" and none of {', '.join(OWN_NAMES)}"
        )
    token = PREFIX + secrets.token_urlsafe(32)

    def write(tx: Transaction) -> None:
        row = TokenRow(name, role.value, tx.now, by.actor)
        if not tokens.insert(tx.session, row, digest_of(token)):
            raise RejectedError(
                f"there is a token {name!r} already: take another name,"
                f" or `orchestrate tokens revoke {name}` first"
            )
        audit.add(tx.session, tx.now, str(by), "add_token", f"{name} ({role})")

    engine.commit(write)
    return token


def revoke(engine: Engine, name: str, by: By) -> None:
    """Revoke a token, and end its sessions.

    Raises:
        NotFoundError: There is none of this name.
    """

    def write(tx: Transaction) -> None:
        if not tokens.delete(tx.session, name):
            raise NotFoundError(f"no token {name!r}: `orchestrate tokens list` shows them")
        audit.add(tx.session, tx.now, str(by), "revoke_token", name)

    engine.commit(write)


def as_json(row: TokenRow) -> dict[str, Any]:
    """A token as people and programs see it."""
    return {
        "name": row.name,
        "role": row.role,
        "created_at": iso(row.created_at),
        "created_by": row.created_by,
    }

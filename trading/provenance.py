"""Where prices come from, so that a result can be checked against them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from trading.errors import ProvenanceError


@dataclass(frozen=True, slots=True)
class Provenance:
    """The source of prices, what was done to them, and the digest of the bytes they were read from.

    The digest of one file is its own; that of several files is the digest of the listing that
    `sha256sum` prints for them, sorted by name.
    """

    source: str
    adjustment: str
    sha256: str

    def require(self, expected: str) -> None:
        """Make sure that the prices have the expected digest.

        Raises:
            ProvenanceError: They have another one.
        """
        if self.sha256 != expected:
            raise ProvenanceError(self.source, expected, self.sha256)


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return one digest for files by name (SHA-256, hexadecimal)."""
    listing = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    )
    return hashlib.sha256(listing.encode()).hexdigest()

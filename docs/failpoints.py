"""Draw docs/proof.md's table of failpoints anew from the code: `make docs`."""

import re
from pathlib import Path

from orchestration.failpoints import MEANINGS

PAGE = Path(__file__).parent / "proof.md"
TABLE = re.compile(r"\| failpoint \|.*?\n\n", re.DOTALL)


def table() -> str:
    """Every failpoint, and how far something has come there."""
    rows = [f"| `{point}` | {meaning} |" for point, meaning in MEANINGS.items()]
    return "\n".join(["| failpoint | reached when |", "|---|---|", *rows]) + "\n\n"


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    PAGE.write_text(TABLE.sub(lambda _: table(), text), "utf-8")

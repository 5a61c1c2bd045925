"""Bars kept on disk: one file for each source, adjustment, symbol and stretch of days."""

import hashlib
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from trading.bars import Bars
from trading.price_table import PriceTable, text_of
from trading.vendors.vendor import Asked, Vendor

MOST_BYTES = 256 * 2**20
# Prices are adjusted anew after each split or dividend.
LONGEST = timedelta(days=1)
SUFFIX = ".bars"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """Bars and the time when they were fetched."""

    bars: Bars
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Cache:
    """A directory of checksummed files; a file with any fault counts as absent."""

    directory: Path
    most_bytes: int = MOST_BYTES

    def get(self, vendor: Vendor, asked: Asked, now: datetime) -> Kept | None:
        """Return the bars that were fetched within the last day; None: there are no sound ones."""
        try:
            digest, head, text = self._file(vendor, asked).read_text("utf-8").split("\n", 2)
            if digest != _digest(head, text):
                return None
            told = json.loads(head)
            fetched_at = datetime.fromisoformat(told.pop("fetched_at"))
            if told != _head(vendor, asked) or not fetched_at <= now < fetched_at + LONGEST:
                return None
            return Kept(PriceTable.read(asked.symbol, text).bars(), fetched_at)
        except (OSError, ValueError):
            return None

    def put(self, vendor: Vendor, asked: Asked, kept: Kept) -> None:
        """Keep bars, and evict older files if there are too many; a full disk is no failure."""
        told = _head(vendor, asked) | {"fetched_at": kept.fetched_at.isoformat()}
        head, text = json.dumps(told), text_of(kept.bars)
        content = "\n".join([_digest(head, text), head, text])
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            _write(self._file(vendor, asked), content.encode())
            self._evict()
        except OSError as error:
            log.warning("bars of %s are not kept: %s", asked.symbol, error)

    def _file(self, vendor: Vendor, asked: Asked) -> Path:
        adjusted = hashlib.sha256(vendor.adjustment.encode()).hexdigest()[:8]
        parts = (vendor.name, adjusted, asked.symbol, asked.first, asked.last)
        return self.directory / ("_".join(map(str, parts)) + SUFFIX)

    def _evict(self) -> None:
        """Remove the oldest files, those that a dead process left half written included."""
        sizes = []
        for file in self.directory.glob(f"*{SUFFIX}*"):
            with suppress(FileNotFoundError):
                facts = file.stat()
                sizes.append((facts.st_mtime_ns, facts.st_size, file))
        total = sum(size for _, size, _ in sizes)
        for _, size, file in sorted(sizes):
            if total <= self.most_bytes:
                break
            file.unlink(missing_ok=True)
            total -= size


def _head(vendor: Vendor, asked: Asked) -> dict[str, Any]:
    return {
        "source": vendor.name,
        "adjustment": vendor.adjustment,
        "symbol": asked.symbol,
        "first": str(asked.first),
        "last": str(asked.last),
    }


def _digest(head: str, text: str) -> str:
    return hashlib.sha256(f"{head}\n{text}".encode()).hexdigest()


def _write(file: Path, content: bytes) -> None:
    with NamedTemporaryFile(dir=file.parent, prefix=file.name, delete=False) as new:
        written = Path(new.name)
        try:
            new.write(content)
            new.flush()
            written.replace(file)
        except OSError:
            written.unlink(missing_ok=True)
            raise

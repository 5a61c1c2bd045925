"""How many transactions a SQLite store has seen, by its log."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

HEADER, FRAME_HEADER = 32, 24
LOOK_EVERY_S = 0.05


class Commits:
    """Counts the commits in a write-ahead log, which starts again from its head now and then.

    Args:
        path: The store.
    """

    def __init__(self, path: Path) -> None:
        self._log = path.with_name(path.name + "-wal")
        self._count = 0
        self._salt = b""
        self._offset = HEADER
        self._mutex = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def count(self) -> int:
        """Commits since the counter was entered, and those in the log before."""
        with self._mutex:
            self._look()
            return self._count

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            self.count()

    def _look(self) -> None:
        with self._log.open("rb") as log:
            header = log.read(HEADER)
            size = FRAME_HEADER + int.from_bytes(header[8:12])
            if header[16:24] != self._salt:
                self._salt, self._offset = header[16:24], HEADER
            log.seek(self._offset)
            while len(frame := log.read(size)) == size and frame[8:16] == self._salt:
                self._offset += size
                self._count += frame[4:8] != bytes(4)
